// Package sse writes server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
package sse

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// KeepAlive is how often a stream in which nothing happens should send a comment, so that no proxy takes it for dead.
const KeepAlive = 15 * time.Second

// writeTimeout bounds one write to a client that has stopped reading.
const writeTimeout = 10 * time.Second

// Headers are those of an event stream; X-Accel-Buffering keeps proxies of nginx's kind from holding it back.
var Headers = map[string]string{
	"Content-Type":      "text/event-stream",
	"Cache-Control":     "no-store",
	"X-Accel-Buffering": "no",
}

// Stream writes events to one client. It is for one goroutine.
type Stream struct {
	w  io.Writer
	rc *http.ResponseController
}

// New makes a stream of a response whose headers the caller has set to Headers. When w is an http.ResponseWriter each event is flushed.
func New(w io.Writer) *Stream {
	s := &Stream{w: w}
	if rw, ok := w.(http.ResponseWriter); ok {
		s.rc = http.NewResponseController(rw)
	}
	return s
}

// Send writes one event with its data as JSON. An error means that the client is gone.
func (s *Stream) Send(id, event string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", event, err)
	}
	return s.write("id: %s\nevent: %s\ndata: %s\n\n", id, event, b)
}

// Ping writes a comment.
func (s *Stream) Ping() error { return s.write(": \n\n") }

func (s *Stream) write(format string, args ...any) error {
	if s.rc != nil {
		_ = s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)) // Not every writer has deadlines.
	}
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if s.rc != nil {
		return s.rc.Flush()
	}
	return nil
}
