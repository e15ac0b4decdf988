package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener and a dialer without a network, so that time can pass quickly.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// get returns the status of an answer, 0 when nobody listens.
func (p *pipes) get(t *testing.T, path string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case p.conns <- theirs:
			return ours, nil
		case <-p.closed:
			return nil, net.ErrClosed
		}
	}}}
	answer, err := client.Get("http://pipe" + path)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// TestLeaving: callers that don't know yet that a replica is to stop are served until the delay is over.
func TestLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestApp()
		a.leaving, a.draining, a.workCtx = make(chan struct{}), make(chan struct{}), t.Context()
		a.config.DrainDelay, a.config.DrainTimeout = time.Minute, 20*time.Second
		var drained atomic.Bool
		a.OnDrain(func(context.Context) { drained.Store(true) })
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		public, admin, ended := newPipes(), newPipes(), make(chan error, 1)
		go func() { ended <- a.serve(ctx, public, admin) }()

		is := func(when string, ready, requests int, draining bool) {
			t.Helper()
			synctest.Wait()
			closed := false
			select {
			case <-a.Draining():
				closed = true
			default:
			}
			if r, p := admin.get(t, "/readyz"), public.get(t, "/healthz"); r != ready || p != requests || closed != draining || drained.Load() != draining {
				t.Errorf("%s: ready %d, requests %d, draining %t, drained %t", when, r, p, closed, drained.Load())
			}
		}
		is("at first", http.StatusOK, http.StatusOK, false)
		stop()
		is("when it is to stop", http.StatusServiceUnavailable, http.StatusOK, false)
		time.Sleep(time.Minute - time.Second)
		is("shortly before the delay is over", http.StatusServiceUnavailable, http.StatusOK, false)
		time.Sleep(2 * time.Second)
		is("after the delay", 0, 0, true)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
