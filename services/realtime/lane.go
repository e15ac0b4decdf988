package main

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
)

const (
	// batchItems and batchBytes bound what one call appends, with the senders' tokens and as it is encoded: a sidecar passes on 4 MiB.
	batchItems = 500
	batchBytes = 1 << 20
	// laneBytes bounds what waits in a lane; beyond it the log can't keep up, and senders are told.
	laneBytes = 16 << 20
	// itemOverhead is what a message takes beside its content and key, at most.
	itemOverhead = 256
)

// outgoing is a message that is to be stored, and who is to be told.
type outgoing struct {
	conn     *conn
	receipt  string
	deadline time.Time
	size     int // encoded, at most
	appendItem
}

// batch is what one call appends, with the access tokens of its senders.
type batch struct {
	messages []*outgoing
	tokens   []string
}

// lane stores the messages of its rooms. It has one call under way at most; what comes meanwhile makes the next batch, so
// that the busier it is, the more messages share a commit, and each room's messages keep their order.
type lane struct {
	srv *server
	// undecided is the lane of what can't be decided about at the moment, and of what its senders send after it: nobody else waits
	// for that. It has no such lane itself.
	undecided *lane

	mu      sync.Mutex
	queue   []*outgoing
	bytes   int           // of the queue and the batch under way
	senders map[*conn]int // how many messages of each that is; nil where nobody asks
	running bool
}

func newLane(s *server) *lane {
	return &lane{srv: s, undecided: &lane{srv: s, senders: map[*conn]int{}}}
}

// lane is the lane of a room.
func (s *server) lane(room string) *lane {
	return s.lanes[maphash.String(s.hub.seed, room)%uint64(len(s.lanes))]
}

// add queues a message.
func (l *lane) add(o *outgoing) error {
	o.size = rooms.JSONBytes(o.Content) + rooms.JSONBytes(o.Key) + itemOverhead
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes+o.size > laneBytes {
		return problem.Unavailable("more is sent than can be stored; send it again with the same idempotency-key")
	}
	o.conn.sending()
	l.put(o)
	return nil
}

// put queues a message, and has somebody store it. The caller holds mu.
func (l *lane) put(o *outgoing) {
	l.queue = append(l.queue, o)
	l.count(o, 1)
	if !l.running {
		l.running = true
		go l.run(l.srv.ctx)
	}
}

// count enters a message in the lane's books, or takes it off with -1. The caller holds mu.
func (l *lane) count(o *outgoing, n int) {
	l.bytes += n * o.size
	if l.senders == nil {
		return
	}
	if l.senders[o.conn] += n; l.senders[o.conn] == 0 {
		delete(l.senders, o.conn)
	}
}

// follow takes a message over if others of its connection are here, which it must not overtake.
func (l *lane) follow(o *outgoing) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.senders[o.conn] == 0 {
		return false
	}
	l.put(o)
	return true
}

// run stores what is queued until nothing is.
func (l *lane) run(ctx context.Context) {
	backoff := firstBackoff
	for {
		b := l.next(ctx)
		if len(b.messages) == 0 {
			return
		}
		again, err := l.store(ctx, b)
		if err == nil && l.undecided != nil && len(again) > 0 {
			l.srv.log.Warn("messages can't be decided about at the moment", "messages", len(again))
			l.undecided.takeOver(again)
			again = nil
		}
		l.settle(b.messages, again)
		if len(again) < len(b.messages) {
			backoff = firstBackoff
		}
		if len(again) == 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// takeOver queues what another lane could not decide about.
func (l *lane) takeOver(messages []*outgoing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range messages {
		l.put(o)
	}
}

// settle takes messages off the lane's books, but for those that are to be tried again: they come first.
func (l *lane) settle(messages, again []*outgoing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range messages {
		l.count(o, -1)
	}
	for _, o := range again {
		l.count(o, 1)
	}
	if len(again) > 0 {
		l.queue = append(again, l.queue...)
	}
}

// next takes the next batch off the queue. It refuses what has waited for too long, and what follows a message that was refused: the
// client, who sends them again, would find them in another order.
func (l *lane) next(ctx context.Context) batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, size, now := batch{}, 0, time.Now()
	places := map[string]int{}
	for len(l.queue) > 0 && len(b.messages) < batchItems {
		o := l.queue[0]
		switch {
		case l.undecided != nil && l.undecided.follow(o):
			l.count(o, -1)
		case o.conn.refused.Load() || now.After(o.deadline) || ctx.Err() != nil:
			o.refuse(errUnavailable)
			l.count(o, -1)
		default:
			token := o.conn.session.Load().token
			place, listed := places[token]
			size += o.size
			if !listed {
				place = len(b.tokens)
				size += len(token)
			}
			if len(b.messages) > 0 && size > batchBytes {
				return b
			}
			if !listed {
				places[token], b.tokens = place, append(b.tokens, token)
			}
			o.Token = place
			b.messages = append(b.messages, o)
		}
		l.queue[0] = nil
		l.queue = l.queue[1:]
	}
	if len(l.queue) == 0 {
		l.queue = nil
	}
	l.running = len(b.messages) > 0
	return b
}
