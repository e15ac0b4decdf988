package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/test/client"
	"moim.dev/moim/test/stack"
)

const password = "correct horse battery"

// fixture is two replicas of auth and two participants that do as a user id says.
type fixture struct {
	*stack.Stack
	db *pgxpool.Pool
}

func newFixture(t *testing.T, env map[string]string) *fixture {
	const participant = "./services/auth/testdata/participant"
	s := stack.ForTest(t, stack.Options{Services: []stack.Service{
		{App: "auth", Replicas: 2, Env: env},
		{App: "chat", Package: participant},
		{App: "customer", Package: participant},
		{App: "gateway", Env: map[string]string{"MOIM_TRUSTED_PROXIES": "127.0.0.1"}},
	}})
	db, err := pgxpool.New(t.Context(), s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return &fixture{s, db}
}

// at is a client at an address that uses one replica.
func (f *fixture) at(t *testing.T, replica, address string) client.Client {
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: f.Addr(replica)})
		r.Out.Header.Set("dapr-api-token", f.AppToken(replica))
		r.Out.Header.Set("X-Forwarded-For", address)
	}}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return client.Client{Base: server.URL}
}

// both is a client for each replica, at an address of the test's own.
func (f *fixture) both(t *testing.T) (first, second client.Client) {
	address := newAddress()
	return f.at(t, "auth-0", address), f.at(t, "auth-1", address)
}

// newAddress is one that no other test has: limits count by it.
func newAddress() string {
	id := uuid.New()
	return fmt.Sprintf("10.%d.%d.%d", id[0], id[1], id[2])
}

// newUser signs somebody up and returns the id.
func newUser(t *testing.T, c client.Client) string {
	t.Helper()
	id := newID("user")
	if _, err := c.SignUp(t.Context(), id, password); err != nil {
		t.Fatal(err)
	}
	return id
}

// newID makes a user id; what it begins with tells the participants what to do.
func newID(what string) string { return what + "-" + uuid.NewString()[:12] }

// login logs a new session in.
func login(t *testing.T, c client.Client, userID string) *client.Session {
	t.Helper()
	s, err := c.LogIn(t.Context(), userID, password)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eventStream is an event stream that is being read.
type eventStream struct {
	resp  *http.Response
	lines *bufio.Scanner
}

// openStream makes a request that a stream answers. The test may go on reading it in another goroutine.
func openStream(ctx context.Context, c client.Client, method, path string, header http.Header, in any) (*eventStream, error) {
	body := io.Reader(http.NoBody)
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		resp.Body.Close()
		return nil, fmt.Errorf("%s %s answered %s, %s", method, path, resp.Status, resp.Header.Get("Content-Type"))
	}
	return &eventStream{resp, bufio.NewScanner(resp.Body)}, nil
}

func signUp(t *testing.T, c client.Client, userID string) *eventStream {
	t.Helper()
	s, err := openStream(t.Context(), c, http.MethodPost, "/api/auth/users", nil,
		map[string]string{"userId": userID, "userName": "Mina", "password": password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.resp.Body.Close() })
	return s
}

func resume(t *testing.T, c client.Client, saga string, last int) *eventStream {
	t.Helper()
	s, err := openStream(t.Context(), c, http.MethodGet, "/api/auth/sagas/"+saga+"/events", http.Header{"Last-Event-Id": {strconv.Itoa(last)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.resp.Body.Close() })
	return s
}

// next reads an event; ok is false at the end of the stream.
func (s *eventStream) next() (r Record, ok bool, err error) {
	var id, name, data string
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if data == "" {
				continue // A comment.
			}
			if err := json.Unmarshal([]byte(data), &r); err != nil {
				return r, false, fmt.Errorf("read %q: %w", data, err)
			}
			if id != strconv.Itoa(r.Version) || name != "saga" {
				return r, false, fmt.Errorf("event %q has id %q, data %s", name, id, data)
			}
			return r, true, nil
		}
	}
	return r, false, s.lines.Err()
}

// rest reads to the end.
func (s *eventStream) rest() ([]Record, error) {
	defer s.resp.Body.Close()
	var all []Record
	for {
		r, ok, err := s.next()
		if !ok || err != nil {
			return all, err
		}
		all = append(all, r)
	}
}

func (s *eventStream) mustNext(t *testing.T) Record {
	t.Helper()
	r, ok, err := s.next()
	if !ok || err != nil {
		t.Fatalf("the stream has no next event: %v", err)
	}
	return r
}

func (s *eventStream) mustRest(t *testing.T) []Record {
	t.Helper()
	all, err := s.rest()
	if err != nil {
		t.Fatalf("after %v: %v", all, err)
	}
	return all
}

// states writes records as status, auth, chat, customer.
func states(records []Record) []string {
	var all []string
	for _, r := range records {
		all = append(all, fmt.Sprint(r.Status, " ", r.Services["auth"], " ", r.Services["chat"], " ", r.Services["customer"]))
	}
	return all
}

// eventually waits for something that becomes true without an event to wait for.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("after %s: not %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// one reads a single value of the database.
func one[T any](t *testing.T, f *fixture, query string, args ...any) (v T) {
	t.Helper()
	if err := f.db.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}
