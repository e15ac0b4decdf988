package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestFrom(t *testing.T) {
	full := Conflict("room_full", "The room has %d of %d members.", 5, 5)
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"a problem is itself":                      {full, "room_full"},
		"a wrapped problem is found":               {fmt.Errorf("join: %w", full), "room_full"},
		"anything else stays in the log":           {errors.New("password of postgres is hunter2"), CodeInternal},
		"a store that refuses connections":         {fmt.Errorf("x: %w", syscall.ECONNREFUSED), CodeUnavailable},
		"a neighbour that does not answer in time": {fmt.Errorf("x: %w", context.DeadlineExceeded), CodeUnavailable},
		"a connection that broke":                  {&net.OpError{Op: "read", Err: errors.New("reset")}, CodeUnavailable},
		"a connection that ended in an answer":     {fmt.Errorf("x: %w", io.ErrUnexpectedEOF), CodeUnavailable},
		"a database that shuts down":               {&pgconn.PgError{Code: "57P01"}, CodeUnavailable},
		"a database that died":                     {fmt.Errorf("x: %w", io.ErrUnexpectedEOF), CodeUnavailable},
		"a database that lost patience":            {&pgconn.PgError{Code: "25P03"}, CodeUnavailable},
		"a sidecar that is away":                   {fmt.Errorf("x: %w", status.Error(codes.Unavailable, "refused")), CodeUnavailable},
		"a sidecar that does not answer in time":   {status.Error(codes.DeadlineExceeded, "late"), CodeUnavailable},
		"a client that has gone":                   {fmt.Errorf("x: %w", context.Canceled), "client_gone"},
		"a call that was given up":                 {status.Error(codes.Canceled, "gone"), "client_gone"},
		"a mistake in a statement":                 {&pgconn.PgError{Code: "42601"}, CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			if got := From(test.err); got.Code != test.want {
				t.Errorf("code %s, want %s", got.Code, test.want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	w := httptest.NewRecorder()
	Write(w, fmt.Errorf("sign up: %w", RateLimited(7, "too many")), "request-1")
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "about:blank", "title": "Too Many Requests", "status": 429.0,
		"code": "rate_limited", "detail": "too many", "requestId": "request-1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w.Code != 429 || w.Header().Get("Retry-After") != "7" || w.Header().Get("Content-Type") != ContentType {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
}
