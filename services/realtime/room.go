package main

import (
	"sync"
	"sync/atomic"

	"moim.dev/moim/services/internal/stomp"
)

const (
	// ringSize is how many of the latest messages a room keeps for those who come back.
	ringSize = 64
	// maxPending bounds the messages that wait for one before them; beyond it they are read from the log again.
	maxPending = 1024
)

// room is a room with subscribers here. Its head is the last seq that they were sent; what follows is sent in order and
// without a gap, whatever order events arrive in.
type room struct {
	hub       *hub
	id        string
	holders   int // guarded by the hub's shard
	abandoned atomic.Bool

	mu        sync.Mutex
	known     bool // head is
	head      int64
	ring      []*message         // by seq modulo ringSize; nil before the first message
	pending   map[int64]*message // beyond head+1
	target    int64              // what the log is known to reach
	repairing bool
	all       []*subscription
	groups    map[groupKey]*group
	ahead     []*subscription // live, but their next message is beyond head+1
	run       []*message      // what append delivers, kept to be used again
	dirty     [][]*conn       // by writer, likewise
}

// groupKey is what makes MESSAGE frames of one room equal for several subscriptions.
type groupKey struct {
	head string
	raw  bool // headers are not escaped
}

// group is the live subscriptions that get equal frames.
type group struct {
	head    []byte
	version stomp.Version
	subs    []*subscription
}

func newRoom(h *hub, id string) *room {
	return &room{hub: h, id: id, groups: map[groupKey]*group{}, dirty: make([][]*conn, len(h.writers))}
}

// append takes messages in order of seq. Those that were sent are dropped, those that follow are sent, and those beyond a
// gap wait for it to be repaired.
func (r *room) append(messages []*message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.head + 1
	r.run = r.run[:0]
	for _, m := range messages {
		switch {
		case r.known && m.seq < next:
		case r.known && m.seq == next:
			r.run = append(r.run, m)
			next++
		case len(r.pending) < maxPending:
			if r.pending == nil {
				r.pending = map[int64]*message{}
			}
			r.pending[m.seq] = m
			r.target = max(r.target, m.seq)
		default:
			r.target = max(r.target, m.seq)
		}
	}
	r.advance()
}

// observe learns that the log reaches head. What is missing here may be on its way, and is repaired if it isn't.
func (r *room) observe(head int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.known {
		r.known, r.head = true, head
	}
	r.target = max(r.target, head)
	r.run = r.run[:0]
	r.advance()
}

// advance sends the run, which follows head, and what was waiting for it. The caller holds mu.
func (r *room) advance() {
	if !r.known {
		return
	}
	next := r.head + int64(len(r.run)) + 1
	for len(r.pending) > 0 {
		m, ok := r.pending[next]
		if !ok {
			break
		}
		delete(r.pending, next)
		r.run = append(r.run, m)
		next++
	}
	if len(r.run) > 0 {
		for seq := range r.pending { // What came in two ways.
			if seq < next {
				delete(r.pending, seq)
			}
		}
		r.deliver(r.run)
		clear(r.run)
	}
	if r.target > r.head {
		r.repairSoon()
	}
}

// deliver sends messages, which follow head, to all live subscriptions: each group's frames are encoded once, and each
// connection gets them in one piece. The caller holds mu.
func (r *room) deliver(messages []*message) {
	r.head = messages[len(messages)-1].seq
	if r.ring == nil {
		r.ring = make([]*message, ringSize)
	}
	for _, m := range messages {
		r.ring[m.seq%ringSize] = m
	}
	deliveries := 0
	for _, g := range r.groups {
		frames := encode(g.head, g.version, messages)
		for _, sub := range g.subs {
			r.push(sub.conn, frames)
		}
		deliveries += len(g.subs) * len(messages)
	}
	deliveries += r.deliverAhead(messages)
	r.flush()
	metrics.deliveries.Add(float64(deliveries))
}

// deliverAhead serves the subscriptions that have seen more than the room had, and makes ordinary ones of those that the
// room has caught up with. The caller holds mu.
func (r *room) deliverAhead(messages []*message) (deliveries int) {
	kept := r.ahead[:0]
	for _, sub := range r.ahead {
		if unseen := max(0, sub.seen+1-messages[0].seq); unseen < int64(len(messages)) {
			rest := messages[unseen:]
			r.push(sub.conn, encode(sub.head, sub.version, rest))
			deliveries += len(rest)
		}
		if r.head >= sub.seen {
			r.group(sub)
			continue
		}
		kept = append(kept, sub)
	}
	clear(r.ahead[len(kept):])
	r.ahead = kept
	return deliveries
}

// push queues frames on a connection for the next flush.
func (r *room) push(c *conn, frames []byte) {
	if c.push(frames) {
		r.dirty[c.writer.index] = append(r.dirty[c.writer.index], c)
	}
}

// flush hands the connections that were pushed to over to their writers.
func (r *room) flush() {
	for i, conns := range r.dirty {
		if len(conns) > 0 {
			r.hub.writers[i].schedule(conns...)
			clear(conns)
			r.dirty[i] = conns[:0]
		}
	}
}
