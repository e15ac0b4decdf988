package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/token"
	"moim.dev/moim/test/client"
)

const me = "/api/auth/me"

func (f *fixture) logsIn(t *testing.T) {
	c, other := f.both(t)
	id := newUser(t, c)
	for name, in := range map[string][2]string{
		"a wrong password":     {id, "correct horse batterx"},
		"nobody":               {newID("nobody"), password},
		"nobody at all":        {"", ""},
		"what can be nobody's": {"x/" + id, password},
	} {
		if _, err := c.LogIn(t.Context(), in[0], in[1]); client.Code(err) != "invalid_credentials" {
			t.Errorf("%s: %v, want invalid_credentials", name, err)
		}
	}
	if _, err := c.LogIn(t.Context(), "mina\x00", password); client.Code(err) != "validation" {
		t.Errorf("an id with a NUL: %v, want validation", err)
	}
	s := login(t, c, id)
	var got Account
	if err := (&client.Session{Client: other, Access: s.Access}).Do(t.Context(), http.MethodGet, me, nil, &got); err != nil {
		t.Fatal(err)
	}
	if got.UserID != id || !strings.EqualFold(got.UserName, id) || len(got.Roles) != 0 || time.Since(got.CreatedAt) > time.Minute {
		t.Errorf("I am %+v", got)
	}
	if err := (&client.Session{Client: other}).Do(t.Context(), http.MethodGet, me, nil, nil); client.Code(err) != "unauthenticated" {
		t.Errorf("without a token: %v, want unauthenticated", err)
	}
}

func (f *fixture) setsCookie(t *testing.T) {
	c, _ := f.both(t)
	body, err := json.Marshal(map[string]string{"userId": newUser(t, c), "password": password})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(c.Base+"/api/auth/sessions", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cookies := resp.Cookies()
	if resp.StatusCode != http.StatusCreated || len(cookies) != 1 || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s, %v, Cache-Control %q", resp.Status, cookies, resp.Header.Get("Cache-Control"))
	}
	k := cookies[0]
	if k.Name != "moim_refresh" || !k.HttpOnly || !k.Secure || k.SameSite != http.SameSiteStrictMode || k.Path != "/api/auth" || k.MaxAge != 30*24*3600 {
		t.Errorf("the cookie is %v", k)
	}
}

func (f *fixture) rotates(t *testing.T) {
	c, other := f.both(t)
	s := login(t, c, newUser(t, c))
	used := []string{s.Refresh}
	for range 3 {
		next, err := other.Renew(t.Context(), s.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(used, next.Refresh) || next.Access == "" {
			t.Fatal("the refresh token was not replaced")
		}
		s, used = next, append(used, next.Refresh)
		c, other = other, c
	}
	if err := s.Do(t.Context(), http.MethodGet, me, nil, nil); err != nil {
		t.Errorf("the renewed access token: %v", err)
	}
	for name, refresh := range map[string]string{"no token": "", "an invented token": "cmVmcmVzaA"} {
		if _, err := c.Renew(t.Context(), refresh); client.Code(err) != "refresh_invalid" {
			t.Errorf("%s: %v, want refresh_invalid", name, err)
		}
	}
}

// outlast makes the moment pass in which a replaced token still gets an answer.
func (f *fixture) outlast(t *testing.T, userID string) {
	t.Helper()
	_, err := f.db.Exec(t.Context(), `UPDATE auth.refresh_tokens SET replaced_at = replaced_at - interval '11 seconds'
		WHERE session_id IN (SELECT id FROM auth.sessions WHERE user_id = $1)`, userID)
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) findsReuse(t *testing.T) {
	c, other := f.both(t)
	id := newUser(t, c)
	stolen := login(t, c, id)
	elsewhere := login(t, c, id)
	owner, err := c.Renew(t.Context(), stolen.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	f.outlast(t, id)
	if _, err := other.Renew(t.Context(), stolen.Refresh); client.Code(err) != "refresh_reused" {
		t.Fatalf("a replaced token: %v, want refresh_reused", err)
	}
	if _, err := c.Renew(t.Context(), owner.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("the token that replaced it: %v, want refresh_invalid", err)
	}
	if err := owner.Do(t.Context(), http.MethodGet, me, nil, nil); client.Code(err) != "token_revoked" {
		t.Errorf("the session's access token: %v, want token_revoked", err)
	}
	if _, err := c.Renew(t.Context(), elsewhere.Refresh); err != nil {
		t.Errorf("another session of the user: %v", err)
	}
}

// forgivesRace: tabs that renew at the same moment, over both replicas, all go on; and yet what a thief has is found out.
func (f *fixture) forgivesRace(t *testing.T) {
	c, other := f.both(t)
	id := newUser(t, c)
	s := login(t, c, id)
	const tabs = 8
	sessions := make([]*client.Session, tabs)
	var group errgroup.Group
	for i := range tabs {
		group.Go(func() (err error) {
			sessions[i], err = []client.Client{c, other}[i%2].Renew(t.Context(), s.Refresh)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	next, err := c.Renew(t.Context(), sessions[3].Refresh)
	if err != nil {
		t.Fatalf("one of the tabs' tokens: %v", err)
	}
	f.outlast(t, id)
	if _, err := c.Renew(t.Context(), sessions[5].Refresh); client.Code(err) != "refresh_reused" {
		t.Errorf("another tab's token after that: %v, want refresh_reused", err)
	}
	if _, err := c.Renew(t.Context(), next.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("after the reuse: %v, want refresh_invalid", err)
	}
}

func (f *fixture) logsOut(t *testing.T) {
	c, other := f.both(t)
	s := login(t, c, newUser(t, c))
	there := &client.Session{Client: other, Access: s.Access}
	if err := there.Do(t.Context(), http.MethodGet, me, nil, nil); err != nil {
		t.Fatal(err)
	}
	id := sessionOf(t, s)
	end(t, s, "/current")
	eventually(t, 10*time.Second, "revoked at the other replica", func() bool {
		return client.Code(there.Do(t.Context(), http.MethodGet, me, nil, nil)) == "token_revoked"
	})
	if _, err := other.Renew(t.Context(), s.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("the refresh token: %v, want refresh_invalid", err)
	}
	if ttl := f.RedisCommand(t, "TTL", token.RevokedKey(id)); ttl == "-1" || ttl == "-2" || len(ttl) != 3 {
		t.Errorf("the revocation is kept %s seconds, want as long as a token lasts", ttl)
	}
	eventually(t, 10*time.Second, "told to the sockets", func() bool {
		return strings.Contains(f.RedisCommand(t, "XRANGE", "auth.session.revoked", "-", "+"), id)
	})
}

// boundsSessions: beyond the most there may be, the session that was not used for longest ends.
func (f *fixture) boundsSessions(t *testing.T) {
	c, _ := f.both(t)
	id := newUser(t, c)
	oldest := login(t, c, id)
	_, err := f.db.Exec(t.Context(), `INSERT INTO auth.sessions (id, user_id, user_agent, address, expires_at)
		SELECT gen_random_uuid(), $1, '', '', now() + interval '1 day' FROM generate_series(2, $2)`, id, maxSessions)
	if err != nil {
		t.Fatal(err)
	}
	newest := login(t, c, id)
	if n := len(ownSessions(t, newest)); n != maxSessions {
		t.Errorf("%d sessions are open, want %d", n, maxSessions)
	}
	if _, err := c.Renew(t.Context(), oldest.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("the oldest session: %v, want refresh_invalid", err)
	}
}

// sessionOf is the id of a session, out of its access token.
func sessionOf(t *testing.T, s *client.Session) string {
	t.Helper()
	list := ownSessions(t, s)
	for _, one := range list {
		if one.Current {
			return one.ID.String()
		}
	}
	t.Fatalf("none of %v is current", list)
	return ""
}

func ownSessions(t *testing.T, s *client.Session) []Session {
	t.Helper()
	var list struct{ Items []Session }
	if err := s.Do(t.Context(), http.MethodGet, "/api/auth/sessions", nil, &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func (f *fixture) listsSessions(t *testing.T) {
	address := newAddress()
	c := f.at(t, "auth-0", address)
	id := newUser(t, c)
	first, second, third := login(t, c, id), login(t, c, id), login(t, c, id)
	list := ownSessions(t, first)
	if len(list) != 3 {
		t.Fatalf("%d sessions, want 3", len(list))
	}
	for _, s := range list {
		if s.Address != address || !strings.HasPrefix(s.UserAgent, "Go-http-client") {
			t.Errorf("a session is from %q with %q", s.Address, s.UserAgent)
		}
	}
	if client.Code(login(t, c, newUser(t, c)).Do(t.Context(), http.MethodDelete, "/api/auth/sessions/"+sessionOf(t, first), nil, nil)) != "not_found" {
		t.Error("somebody else could end my session")
	}
	end(t, first, "/"+sessionOf(t, second))
	if list := ownSessions(t, first); len(list) != 2 {
		t.Errorf("%d sessions after one has ended, want 2", len(list))
	}
	end(t, first, "")
	for _, s := range []*client.Session{first, second, third} {
		if _, err := c.Renew(t.Context(), s.Refresh); client.Code(err) != "refresh_invalid" {
			t.Errorf("after the end of all: %v, want refresh_invalid", err)
		}
	}
}

func end(t *testing.T, s *client.Session, path string) {
	t.Helper()
	if err := s.Do(t.Context(), http.MethodDelete, "/api/auth/sessions"+path, nil, nil); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) knowsAddress(t *testing.T) {
	c := client.Client{Base: f.URL()}
	id := newUser(t, c)
	s := login(t, c, id)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Base+"/api/auth/sessions",
		strings.NewReader(`{"userId":"`+id+`","password":"`+password+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.7") // The last one is what the trusted proxy saw.
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !slices.ContainsFunc(ownSessions(t, s), func(s Session) bool { return s.Address == "203.0.113.7" }) {
		t.Errorf("no session of %v is from the address that the gateway saw", ownSessions(t, s))
	}
}
