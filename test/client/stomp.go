package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-stomp/stomp/v3/frame"
	"github.com/gorilla/websocket"
)

// Conn is a STOMP connection. Frames that no call waits for come out of Frames, which is closed when the connection ends.
type Conn struct {
	Frames chan *frame.Frame

	ws      *websocket.Conn
	writeMu sync.Mutex
	mu      sync.Mutex
	waiting map[string]chan error // Receipts, by id.
	next    int
	err     error
}

// Refusal is an ERROR frame.
type Refusal struct{ Code, Message string }

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Dial connects as the user.
func (s *Session) Dial(ctx context.Context) (*Conn, error) {
	ws, resp, err := websocket.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(s.Base, "http")+"/ws",
		http.Header{"Sec-WebSocket-Protocol": {"v12.stomp"}})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	_ = resp.Body.Close()
	c := &Conn{Frames: make(chan *frame.Frame, 100_000), ws: ws, waiting: map[string]chan error{}}
	connected := make(chan error, 1)
	c.waiting[""] = connected
	go c.read()
	if err := c.Write(frame.CONNECT, "", "accept-version", "1.2", "host", "moim", "Authorization", "Bearer "+s.Access); err != nil {
		return nil, err
	}
	return c, c.wait(ctx, connected)
}

// Close cuts the connection.
func (c *Conn) Close() { _ = c.ws.Close() }

// Write sends a frame.
func (c *Conn) Write(command, body string, headers ...string) error {
	f := frame.New(command, headers...)
	f.Body = []byte(body)
	var b bytes.Buffer
	if err := frame.NewWriter(&b).Write(f); err != nil {
		return fmt.Errorf("encode %s: %w", command, err)
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if err := c.ws.WriteMessage(websocket.TextMessage, b.Bytes()); err != nil {
		return fmt.Errorf("write %s: %w", command, err)
	}
	return nil
}

// Do sends a frame and waits for its receipt.
func (c *Conn) Do(ctx context.Context, command, body string, headers ...string) error {
	c.mu.Lock()
	c.next++
	id, done := fmt.Sprint("r", c.next), make(chan error, 1)
	if c.err != nil {
		c.mu.Unlock()
		return c.err
	}
	c.waiting[id] = done
	c.mu.Unlock()
	if err := c.Write(command, body, append(headers, "receipt", id)...); err != nil {
		return err
	}
	return c.wait(ctx, done)
}

// Subscribe asks for a room's messages: those after a sequence number and then live ones, or live ones only when after is negative.
func (c *Conn) Subscribe(ctx context.Context, room string, after int64) error {
	headers := []string{"destination", "/sub/chat/" + room, "id", room}
	if after >= 0 {
		headers = append(headers, "after", fmt.Sprint(after))
	}
	return c.Do(ctx, frame.SUBSCRIBE, "", headers...)
}

// Say sends a message and returns when it is stored.
func (c *Conn) Say(ctx context.Context, room, content, key string) error {
	body, err := json.Marshal(map[string]string{"roomId": room, "content": content})
	if err != nil {
		return err
	}
	return c.Do(ctx, frame.SEND, string(body), "destination", "/pub/chat/message", "idempotency-key", key)
}

// Next returns the next message.
func (c *Conn) Next(ctx context.Context) (m Message, err error) {
	select {
	case f, ok := <-c.Frames:
		if !ok {
			return m, c.Err()
		}
		if err := json.Unmarshal(f.Body, &m); err != nil {
			return m, fmt.Errorf("read message %q: %w", f.Body, err)
		}
		return m, nil
	case <-ctx.Done():
		return m, ctx.Err()
	}
}

// Err is why the connection ended.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Conn) wait(ctx context.Context, done chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read hands frames to who waits for them, until the connection ends.
func (c *Conn) read() {
	frames := frame.NewReader(&messages{ws: c.ws})
	for {
		f, err := frames.Read()
		if err != nil {
			c.end(err)
			return
		}
		if f == nil { // A heart-beat.
			continue
		}
		switch f.Command {
		case frame.CONNECTED:
			c.done("", nil)
		case frame.RECEIPT:
			c.done(f.Header.Get(frame.ReceiptId), nil)
		case frame.ERROR:
			c.end(&Refusal{Code: f.Header.Get("code"), Message: f.Header.Get("message")})
			return
		default:
			c.Frames <- f
		}
	}
}

// messages is what WebSocket messages carry, as a stream.
type messages struct {
	ws   *websocket.Conn
	rest io.Reader
}

func (m *messages) Read(b []byte) (int, error) {
	for {
		if m.rest != nil {
			n, err := m.rest.Read(b)
			if err == io.EOF {
				m.rest, err = nil, nil
			}
			if n > 0 || err != nil {
				return n, err
			}
		}
		_, next, err := m.ws.NextReader()
		if err != nil {
			return 0, err
		}
		m.rest = next
	}
}

func (c *Conn) done(id string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, ok := c.waiting[id]; ok {
		done <- err
		delete(c.waiting, id)
	}
}

// end fails everybody who waits; the first reason counts.
func (c *Conn) end(err error) {
	_ = c.ws.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if err == nil {
		err = errors.New("closed")
	}
	c.err = err
	for _, done := range c.waiting {
		done <- err
	}
	clear(c.waiting)
	close(c.Frames)
}
