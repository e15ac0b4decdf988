// Package client uses the platform as its users do, over HTTP and STOMP, for tests that span services.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Client is somebody without an account. Base is the platform's URL, such as http://127.0.0.1:8080.
type Client struct{ Base string }

// Session is a user who is logged in.
type Session struct {
	Client
	UserID  string
	Access  string
	Refresh string // The refresh token, from its cookie.
}

// Problem is what the platform answers when it refuses.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"errors"`
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%d %s: %s %v", p.Status, p.Code, p.Detail, p.Errors)
}

// Code is the code of the problem in an error; empty when there is none.
func Code(err error) string {
	var p *Problem
	var r *Refusal
	switch {
	case errors.As(err, &p):
		return p.Code
	case errors.As(err, &r):
		return r.Code
	}
	return ""
}

// Record is a saga's record.
type Record struct {
	ID       string            `json:"id"`
	Status   string            `json:"status"`
	Version  int               `json:"version"`
	UserID   string            `json:"userId"`
	Services map[string]string `json:"services"`
}

// Room is a chat room.
type Room struct {
	ID           string `json:"id"`
	Title        string `json:"title"`
	Personnel    int    `json:"personnel"`
	MaxPersonnel int    `json:"maxPersonnel"`
	Joined       bool   `json:"joined"`
}

// Message is a message of a room's log.
type Message struct {
	RoomID   string `json:"roomId"`
	Seq      int64  `json:"seq"`
	Type     string `json:"type"`
	SenderID string `json:"senderId"`
	Content  string `json:"content"`
	Key      string `json:"key"`
}

// SignUp makes an account and returns every record that was streamed.
func (c Client) SignUp(ctx context.Context, userID, password string) ([]Record, error) {
	return c.stream(ctx, http.MethodPost, "/api/auth/users", nil, map[string]string{
		"userId": userID, "userName": strings.ToUpper(userID[:1]) + userID[1:], "password": password,
	})
}

// Watch resumes the stream of a saga after the version that was seen last.
func (c Client) Watch(ctx context.Context, saga string, last int) ([]Record, error) {
	return c.stream(ctx, http.MethodGet, "/api/auth/sagas/"+saga+"/events", http.Header{"Last-Event-ID": {fmt.Sprint(last)}}, nil)
}

func (c Client) stream(ctx context.Context, method, path string, header http.Header, in any) ([]Record, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp)
	}
	if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/event-stream") {
		return nil, fmt.Errorf("%s %s answered %s, not a stream", method, path, ct)
	}
	var records []Record
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is {
			continue
		}
		var r Record
		if err := json.Unmarshal([]byte(data), &r); err != nil {
			return records, fmt.Errorf("read event %q: %w", data, err)
		}
		records = append(records, r)
	}
	return records, lines.Err()
}

func refusal(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	p := &Problem{}
	if json.Unmarshal(body, p) != nil || p.Code == "" {
		p.Detail = string(body)
	}
	p.Status = resp.StatusCode
	return p
}

// LogIn starts a session.
func (c Client) LogIn(ctx context.Context, userID, password string) (*Session, error) {
	return c.grant(ctx, "/api/auth/sessions", "", map[string]string{"userId": userID, "password": password})
}

// Renew uses a refresh token.
func (c Client) Renew(ctx context.Context, refresh string) (*Session, error) {
	return c.grant(ctx, "/api/auth/sessions/refresh", "moim_refresh="+refresh, nil)
}

func (c Client) grant(ctx context.Context, path, cookie string, in any) (*Session, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, refusal(resp)
	}
	var granted struct {
		AccessToken string `json:"accessToken"`
		User        struct {
			UserID string `json:"userId"`
		} `json:"user"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&granted); err != nil {
		return nil, err
	}
	s := &Session{Client: c, UserID: granted.User.UserID, Access: granted.AccessToken}
	for _, k := range resp.Cookies() {
		if k.Name == "moim_refresh" {
			s.Refresh = k.Value
		}
	}
	return s, nil
}

// New signs a user up and logs in.
func (c Client) New(ctx context.Context, userID string) (*Session, error) {
	const password = "correct horse battery"
	records, err := c.SignUp(ctx, userID, password)
	if err != nil {
		return nil, fmt.Errorf("sign up %s: %w", userID, err)
	}
	if len(records) == 0 || records[len(records)-1].Status == "failed" {
		return nil, fmt.Errorf("sign up %s: %v", userID, records)
	}
	return c.LogIn(ctx, userID, password)
}

// Do calls an operation as the user. A refusal is a *Problem.
func (s *Session) Do(ctx context.Context, method, path string, in, out any) error {
	body := io.Reader(http.NoBody)
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.Base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.Access)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return refusal(resp)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// CreateRoom makes a room, whose first member is the user.
func (s *Session) CreateRoom(ctx context.Context, title string, maxPersonnel int) (r Room, err error) {
	err = s.Do(ctx, http.MethodPost, "/api/chat/rooms", map[string]any{"title": title, "maxPersonnel": maxPersonnel}, &r)
	return r, err
}

// Join makes the user a member of a room.
func (s *Session) Join(ctx context.Context, room string) error {
	return s.Do(ctx, http.MethodPut, "/api/chat/rooms/"+room+"/members/me", nil, nil)
}

// Leave ends the user's membership of a room.
func (s *Session) Leave(ctx context.Context, room string) error {
	return s.Do(ctx, http.MethodDelete, "/api/chat/rooms/"+room+"/members/me", nil, nil)
}

// History reads a room's log after a sequence number, to its end.
func (s *Session) History(ctx context.Context, room string, after int64) ([]Message, error) {
	var all []Message
	for {
		var part struct {
			Items []Message `json:"items"`
			Head  int64     `json:"head"`
		}
		path := fmt.Sprintf("/api/message/rooms/%s/messages?after=%d&limit=100", room, after)
		if err := s.Do(ctx, http.MethodGet, path, nil, &part); err != nil {
			return all, err
		}
		all = append(all, part.Items...)
		if len(part.Items) == 0 || part.Items[len(part.Items)-1].Seq >= part.Head {
			return all, nil
		}
		after = part.Items[len(part.Items)-1].Seq
	}
}
