package main

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// hubShards is how many parts the hub's map of rooms has.
const hubShards = 64

// hub knows the rooms that somebody here subscribes to, and what they have been sent. Other rooms cost nothing.
type hub struct {
	ctx     context.Context
	log     *messageLog
	writers []*writer
	seed    maphash.Seed
	compare chan struct{} // asks for a comparison with the log, now
	silence silence
	silent  func() // called when events have ceased to come
	shards  [hubShards]struct {
		mu    sync.Mutex
		rooms map[string]*room
	}
}

func newHub(ctx context.Context, log *messageLog, writers []*writer) *hub {
	h := &hub{ctx: ctx, log: log, writers: writers, seed: maphash.MakeSeed(), compare: make(chan struct{}, 1), silent: func() {}}
	for i := range h.shards {
		h.shards[i].rooms = map[string]*room{}
	}
	return h
}

func (h *hub) shard(room string) int { return int(maphash.String(h.seed, room) % hubShards) }

// hold returns a room, for whoever subscribes to it; release must follow.
func (h *hub) hold(id string) *room {
	s := &h.shards[h.shard(id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[id]
	if r == nil {
		r = newRoom(h, id)
		s.rooms[id] = r
	}
	r.holders++
	return r
}

// release forgets the room when nobody holds it any more.
func (h *hub) release(r *room) {
	s := &h.shards[h.shard(r.id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.holders--; r.holders == 0 {
		delete(s.rooms, r.id)
		r.abandoned.Store(true)
	}
}

// room returns the room if anybody here subscribes to it.
func (h *hub) room(id string) *room {
	s := &h.shards[h.shard(id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[id]
}

// append takes messages of several rooms, in order within each.
func (h *hub) append(messages []*message) {
	byRoom := map[string][]*message{}
	for _, m := range messages {
		byRoom[m.room] = append(byRoom[m.room], m)
	}
	for id, messages := range byRoom {
		if r := h.room(id); r != nil {
			r.append(messages)
		}
	}
}

// watch compares all rooms with the log, again and again and whenever compareNow asks for it: an event that a broker lost
// leaves nobody behind for longer than that.
func (h *hub) watch(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if h.silence.look() {
				h.silent()
			}
		case <-h.compare:
		}
		h.compareAll(ctx)
	}
}

// silence notices that events have ceased to come, while nothing says that a connection was lost: messages come from the log alone.
type silence struct {
	events, repairs         atomic.Int64
	lastEvents, lastRepairs int64
	intervals               int
}

// look is called at intervals, and answers true after two in a row in which the log had messages for subscribers and no event came.
func (s *silence) look() bool {
	events, repairs := s.events.Load(), s.repairs.Load()
	switch {
	case events != s.lastEvents:
		s.intervals = 0
	case repairs != s.lastRepairs:
		s.intervals++
	}
	s.lastEvents, s.lastRepairs = events, repairs
	if s.intervals < 2 {
		return false
	}
	s.intervals = 0
	return true
}

// compareNow has the rooms compared with the log soon. It does not wait.
func (h *hub) compareNow(context.Context) {
	select {
	case h.compare <- struct{}{}:
	default:
	}
}

func (h *hub) compareAll(ctx context.Context) {
	var ids []string
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		for id := range s.rooms {
			ids = append(ids, id)
		}
		s.mu.Unlock()
	}
	metrics.rooms.Set(float64(len(ids)))
	for len(ids) > 0 && ctx.Err() == nil {
		n := min(headsPerCall, len(ids))
		call, cancel := context.WithTimeout(ctx, callTimeout)
		heads, err := h.log.heads(call, ids[:n])
		cancel()
		if err != nil {
			metrics.compareFailures.Inc()
			return // The next comparison asks again.
		}
		for _, id := range ids[:n] {
			if r := h.room(id); r != nil {
				r.observe(heads[id])
			}
		}
		ids = ids[n:]
	}
}
