package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/go-stomp/stomp/v3/frame"
)

// Member is a user in one room who recovers from everything: it connects again, subscribes after what it has seen, and sends again
// what was not receipted. It notes what a user would see.
type Member struct {
	session *Session
	room    string
	poke    chan struct{}

	mu       sync.Mutex
	seen     []Message
	unsent   []said
	receipts []string // Keys of messages that were receipted.
	wrong    error
	changed  chan struct{}
}

type said struct{ key, content string }

// NewMember makes a member of a room, who has joined already. Run connects it.
func NewMember(s *Session, room string) *Member {
	return &Member{session: s, room: room, poke: make(chan struct{}, 1), changed: make(chan struct{})}
}

// Say queues a message, whose key is its content.
func (m *Member) Say(content string) {
	m.mu.Lock()
	m.unsent = append(m.unsent, said{content, content})
	m.mu.Unlock()
	select {
	case m.poke <- struct{}{}:
	default:
	}
}

// Seen is what the user has seen, in that order.
func (m *Member) Seen() []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.seen)
}

// Receipts are the keys of messages that the platform said were stored.
func (m *Member) Receipts() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.receipts)
}

// Await returns when the condition holds for what the member has seen and has still to send, or with an error when something was
// seen that must not be, or ctx ends.
func (m *Member) Await(ctx context.Context, condition func(seen []Message, unsent int) bool) error {
	for {
		m.mu.Lock()
		holds, wrong, changed := condition(m.seen, len(m.unsent)), m.wrong, m.changed
		m.mu.Unlock()
		if wrong != nil || holds {
			return wrong
		}
		select {
		case <-changed:
		case <-ctx.Done():
			m.mu.Lock()
			defer m.mu.Unlock()
			return fmt.Errorf("%s has seen %d messages and has %d to send: %w", m.session.UserID, len(m.seen), len(m.unsent), ctx.Err())
		}
	}
}

// Run stays connected until the context ends.
func (m *Member) Run(ctx context.Context) {
	backoff := 50 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		err := m.connected(ctx)
		switch Code(err) {
		case "token_expired", "token_revoked", "unauthenticated":
			if renewed, renewErr := m.session.Renew(ctx, m.session.Refresh); renewErr == nil {
				m.session = renewed
			}
		}
		if time.Since(began) > 2*time.Second {
			backoff = 50 * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff/2 + rand.N(backoff)):
		}
		backoff = min(2*backoff, 2*time.Second)
	}
}

// connected is one connection, from its beginning to its end.
func (m *Member) connected(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dial, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	c, err := m.session.Dial(dial)
	if err != nil {
		return err
	}
	defer c.Close()
	context.AfterFunc(ctx, c.Close)
	m.mu.Lock()
	after := int64(len(m.seen))
	m.mu.Unlock()
	if err := c.Write(frame.SUBSCRIBE, "", "destination", "/sub/chat/"+m.room, "id", m.room, "after", fmt.Sprint(after)); err != nil {
		return err
	}
	go m.send(ctx, c)
	for {
		message, err := c.Next(ctx)
		if err != nil {
			return errors.Join(err, c.Err())
		}
		m.mu.Lock()
		if want := int64(len(m.seen)) + 1; message.Seq != want && m.wrong == nil {
			m.wrong = fmt.Errorf("%s saw message %d of %s where %d had to follow", m.session.UserID, message.Seq, m.room, want)
		}
		m.seen = append(m.seen, message)
		m.note()
		m.mu.Unlock()
	}
}

// send sends what is queued, one after the other, until the connection ends.
func (m *Member) send(ctx context.Context, c *Conn) {
	for {
		m.mu.Lock()
		var next said
		waiting := len(m.unsent) > 0
		if waiting {
			next = m.unsent[0]
		}
		m.mu.Unlock()
		if !waiting {
			select {
			case <-m.poke:
				continue
			case <-ctx.Done():
				return
			}
		}
		body, _ := json.Marshal(map[string]string{"roomId": m.room, "content": next.content}) // Strings can be encoded.
		receipt, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := c.Do(receipt, frame.SEND, string(body), "destination", "/pub/chat/message", "idempotency-key", next.key)
		cancel()
		if err != nil {
			c.Close() // Sent again on the next connection.
			return
		}
		m.mu.Lock()
		m.unsent = m.unsent[1:]
		m.receipts = append(m.receipts, next.key)
		m.note()
		m.mu.Unlock()
	}
}

// note wakes who awaits something. The caller holds mu.
func (m *Member) note() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// Every does something again and again until the context ends.
func Every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}
