package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"moim.dev/moim/services/internal/stomp"
	"moim.dev/moim/services/internal/token"
)

// storing is a message service that stores everything at once.
type storing struct{}

func (storing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	results := strings.Repeat(`{"seq":1},`, bytes.Count(body, []byte(`"roomId"`)))
	answer := `{"results":[` + strings.TrimSuffix(results, ",") + `]}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

// BenchmarkSend takes messages of 100 connections to the log, 500 before the next are sent.
func BenchmarkSend(b *testing.B) {
	const connections, together = 100, 500
	s := newServer("realtime-0", testConfig(), slog.New(slog.DiscardHandler), &http.Client{Transport: storing{}}, nil)
	defer s.stop()
	conns := make([]*conn, connections)
	for i := range conns {
		conns[i] = &conn{srv: s, writer: s.writers[0]}
		user := token.User{ID: fmt.Sprint("user-", i), Name: "User", Session: fmt.Sprint("session-", i), Expires: time.Now().Add(time.Hour)}
		conns[i].session.Store(&session{user: user, token: strings.Repeat("t", 500) + fmt.Sprint(i)})
	}
	f := &stomp.Frame{
		Command: stomp.Send, Headers: stomp.H("destination", "/pub/chat/message", "idempotency-key", "018f3f5e-8a3e-7000-8000-000000000000"),
		Body: []byte(`{"roomId":"` + roomR + `","content":"안녕하세요, how are you today?"}`),
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if err := conns[n%connections].sendMessage(f); err != nil {
			b.Fatal(err)
		}
		if n%together == together-1 {
			for _, c := range conns {
				c.awaitStored(context.Background())
			}
		}
	}
}
