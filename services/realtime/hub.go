package main

import (
	"context"
	"hash/maphash"
	"sync"
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
	shards  [hubShards]struct {
		mu    sync.Mutex
		rooms map[string]*room
	}
}

func newHub(ctx context.Context, log *messageLog, writers []*writer) *hub {
	h := &hub{ctx: ctx, log: log, writers: writers, seed: maphash.MakeSeed(), compare: make(chan struct{}, 1)}
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

// append takes messages as an event brings them: of several rooms, in order within each.
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
		case <-h.compare:
		}
		h.compareAll(ctx)
	}
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
