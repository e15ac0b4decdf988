package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"moim.dev/moim/services/internal/stomp"
)

// endpoint is where a server under test listens.
type endpoint struct {
	*server
	addr string
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// serve starts a replica on a loopback port.
func (p *platform) serve(t testing.TB, cfg config) *endpoint {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return p.serveOn(t, cfg, l, func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	})
}

// servePipe starts a replica whose connections are pipes, which have no buffer.
func (p *platform) servePipe(t testing.TB, cfg config) *endpoint {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return p.serveOn(t, cfg, l, func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		l.conns <- server
		return client, nil
	})
}

func (p *platform) serveOn(t testing.TB, cfg config, l net.Listener, dial func(context.Context, string, string) (net.Conn, error)) *endpoint {
	s := p.newTestServer(t, cfg)
	hs := &http.Server{Handler: http.HandlerFunc(s.serveWebSocket), ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = hs.Serve(l)
	}()
	t.Cleanup(func() { _ = hs.Close(); <-done })
	return &endpoint{s, l.Addr().String(), dial}
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// client is a STOMP client that a test steers frame by frame.
type client struct {
	t        testing.TB
	ws       *websocket.Conn
	decoder  stomp.Decoder
	version  stomp.Version
	frames   []*stomp.Frame // read already, to be expected yet
	patience time.Duration
}

var clientLimits = stomp.Limits{Headers: 64, HeaderBytes: 1 << 16, Body: 1 << 20}

// open opens a WebSocket; header may be nil.
func (e *endpoint) open(t testing.TB, header http.Header) *client {
	t.Helper()
	d := websocket.Dialer{NetDialContext: e.dial, Subprotocols: []string{"v12.stomp"}}
	ws, _, err := d.Dial("ws://moim.test/ws", header)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, ws: ws, decoder: stomp.Decoder{Limits: clientLimits}, patience: 10 * time.Second}
	t.Cleanup(func() { _ = ws.Close() })
	return c
}

// connect opens a session; more are headers of CONNECT beside the usual.
func (e *endpoint) connect(t testing.TB, raw string, more ...string) *client {
	t.Helper()
	c := e.open(t, nil)
	c.send(stomp.Connect, "", append([]string{"accept-version", "1.2", "Authorization", "Bearer " + raw}, more...)...)
	c.expect(stomp.Connected)
	return c
}

func (c *client) send(command, body string, headers ...string) {
	c.t.Helper()
	f := &stomp.Frame{Command: command, Headers: stomp.H(headers...), Body: []byte(body)}
	c.write(string(stomp.Append(nil, f, c.version)))
}

func (c *client) write(text string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// message sends a chat message; receipt may be empty.
func (c *client) message(room, content, receipt string, more ...string) {
	c.t.Helper()
	if receipt != "" {
		more = append(more, "receipt", receipt)
	}
	body, _ := json.Marshal(map[string]string{"roomId": room, "content": content})
	c.send(stomp.Send, string(body), append([]string{"destination", "/pub/chat/message"}, more...)...)
}

// subscribe subscribes and waits for the receipt. after is not sent when negative.
func (c *client) subscribe(room, id string, after int) {
	c.t.Helper()
	headers := []string{"destination", "/sub/chat/" + room, "id", id, "receipt", "sub-" + id}
	if after >= 0 {
		headers = append(headers, "after", strconv.Itoa(after))
	}
	c.send(stomp.Subscribe, "", headers...)
	for {
		f := c.next()
		switch {
		case f == nil:
			c.t.Fatal("closed, want a RECEIPT")
		case f.Command == stomp.Receipt:
			return
		case f.Command != stomp.Message:
			c.t.Fatalf("got %s %q %s, want a RECEIPT", f.Command, f.Header("message"), f.Body)
		default:
			c.frames = append(c.frames, f) // History may come first.
		}
	}
}

// next is the next frame, nil when the connection is closed.
func (c *client) next() *stomp.Frame {
	c.t.Helper()
	for {
		var f stomp.Frame
		ok, err := c.decoder.Next(&f)
		if err != nil {
			c.t.Fatalf("decode: %v", err)
		}
		if ok {
			return clone(&f)
		}
		_ = c.ws.SetReadDeadline(time.Now().Add(c.patience))
		kind, b, err := c.ws.ReadMessage()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.t.Fatal("nothing comes")
			}
			return nil
		}
		if kind != websocket.TextMessage {
			c.t.Fatalf("a message of kind %d", kind)
		}
		c.decoder.Write(b)
	}
}

// clone is a copy of a frame that shares no memory with it.
func clone(f *stomp.Frame) *stomp.Frame {
	c := &stomp.Frame{Command: f.Command, Body: bytes.Clone(f.Body), Headers: make([]stomp.Header, len(f.Headers))}
	for i, h := range f.Headers {
		c.Headers[i] = stomp.Header{Key: bytes.Clone(h.Key), Value: bytes.Clone(h.Value)}
	}
	return c
}

// expect reads the next frame, which must be of that command.
func (c *client) expect(command string) *stomp.Frame {
	c.t.Helper()
	f := c.next()
	if f == nil {
		c.t.Fatalf("closed, want %s", command)
	}
	if f.Command != command {
		c.t.Fatalf("got %s %q %s, want %s", f.Command, f.Header("message"), f.Body, command)
	}
	return f
}

// expectError reads an ERROR of that code, and then the end.
func (c *client) expectError(code string) *stomp.Frame {
	c.t.Helper()
	f := c.expect(stomp.Error)
	if got := string(f.Header("code")); got != code {
		c.t.Fatalf("ERROR %s %q, want %s", got, f.Header("message"), code)
	}
	if end := c.next(); end != nil {
		c.t.Fatalf("%s after ERROR, want the end", end.Command)
	}
	return f
}

// expectMessages reads MESSAGE frames of the subscription with the seqs from to to, in order.
func (c *client) expectMessages(id string, from, to int) {
	c.t.Helper()
	for seq := from; seq <= to; seq++ {
		f := c.frame()
		got := fmt.Sprintf("%s:%s", f.Header("subscription"), f.Header("seq"))
		if want := fmt.Sprintf("%s:%d", id, seq); got != want {
			c.t.Fatalf("got message %s, want %s", got, want)
		}
	}
}

// frame is the next MESSAGE.
func (c *client) frame() *stomp.Frame {
	c.t.Helper()
	if len(c.frames) > 0 {
		f := c.frames[0]
		c.frames = c.frames[1:]
		return f
	}
	return c.expect(stomp.Message)
}

// expectNothing checks that nothing was sent to the client up to now.
func (c *client) expectNothing() {
	c.t.Helper()
	c.send(stomp.Unsubscribe, "", "id", "none", "receipt", "nothing")
	f := c.expect(stomp.Receipt)
	if got := string(f.Header("receipt-id")); got != "nothing" {
		c.t.Fatalf("receipt %q, want nothing", got)
	}
}
