package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// readBuffer is how much one read of a connection takes.
const readBuffer = 32 << 10

// Group is connections that receive the messages of runs and check that each gets all of its room once and in order.
type Group struct {
	members  []*member
	reading  sync.WaitGroup
	messages counter
	receipts counter
	failed   chan error
}

type member struct {
	conn     *Conn
	next     int64 // The number of the message that must come next.
	latency  Histogram
	receipts Histogram
}

// NewGroup starts reading from connections that are subscribed to one room each.
func NewGroup(conns []*Conn) *Group {
	g := &Group{failed: make(chan error, 1), messages: newCounter(), receipts: newCounter()}
	for _, c := range conns {
		m := &member{conn: c}
		g.members = append(g.members, m)
		g.reading.Go(func() { g.fail(g.read(m)) })
	}
	return g
}

// Close ends the connections.
func (g *Group) Close() {
	g.fail(errors.New("closed"))
	for _, m := range g.members {
		m.conn.Close()
	}
	g.reading.Wait()
}

// read takes what comes until the connection ends.
func (g *Group) read(m *member) error {
	buffer := make([]byte, readBuffer)
	for {
		var now time.Time
		var messages, receipts int64
		err := m.conn.Read(buffer, func(f []byte) error {
			if now.IsZero() { // What one read brings has come at one time.
				now = time.Now()
			}
			if len(f) == 0 || f[0] == 'E' {
				return fmt.Errorf("the server sent %q", f)
			}
			marker, ok := FindMarker(f)
			if !ok { // Not of a run, such as that somebody entered the room.
				return nil
			}
			waited := now.Sub(time.Unix(0, marker.Due))
			if f[0] == 'R' {
				m.receipts.Record(waited, 1)
				receipts++
				return nil
			}
			if marker.Number != m.next {
				return fmt.Errorf("message %d came where %d had to follow", marker.Number, m.next)
			}
			m.next++
			m.latency.Record(waited, 1)
			messages++
			return nil
		})
		// Counted even when it failed: the error says why no more come.
		g.messages.add(messages)
		g.receipts.add(receipts)
		if err != nil {
			return err
		}
	}
}

func (g *Group) fail(err error) {
	select {
	case g.failed <- err:
	default:
	}
}

// Messages is how many messages have been received in all, Receipts how many receipts.
func (g *Group) Messages() int64 { return g.messages.n.Load() }

// Receipts is how many receipts have been received in all.
func (g *Group) Receipts() int64 { return g.receipts.n.Load() }

// AwaitMessages returns when n messages have been received in all, or with an error when one got lost, came twice or out of order.
func (g *Group) AwaitMessages(ctx context.Context, n int64) error {
	return g.await(ctx, &g.messages, n, "messages")
}

// AwaitReceipts is AwaitMessages for receipts.
func (g *Group) AwaitReceipts(ctx context.Context, n int64) error {
	return g.await(ctx, &g.receipts, n, "receipts")
}

func (g *Group) await(ctx context.Context, c *counter, n int64, what string) error {
	c.want.Store(n)
	for c.n.Load() < n {
		select {
		case <-c.reached:
		case err := <-g.failed:
			g.fail(err)
			return err
		case <-ctx.Done():
			return fmt.Errorf("%d of %d %s came: %w", c.n.Load(), n, what, ctx.Err())
		}
	}
	return nil
}

// Latencies returns those since the last call, from when messages were due to message and to receipt. All that was sent must have come.
func (g *Group) Latencies() (messages, receipts *Histogram) {
	messages, receipts = &Histogram{}, &Histogram{}
	for _, m := range g.members {
		messages.Merge(&m.latency)
		receipts.Merge(&m.receipts)
		m.latency, m.receipts = Histogram{}, Histogram{}
	}
	return messages, receipts
}

// counter wakes who waits for a number.
type counter struct {
	n, want *atomic.Int64
	reached chan struct{}
}

func newCounter() counter {
	return counter{new(atomic.Int64), new(atomic.Int64), make(chan struct{}, 1)}
}

func (c *counter) add(n int64) {
	if n == 0 {
		return
	}
	now, want := c.n.Add(n), c.want.Load()
	if now >= want && now-n < want {
		select {
		case c.reached <- struct{}{}:
		default:
		}
	}
}
