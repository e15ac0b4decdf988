package main

import (
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/stomp"
)

// subscription is one client's subscription to one room.
type subscription struct {
	conn    *conn
	room    *room
	id      string
	user    string
	member  int64 // the version of the membership that allows it
	head    []byte
	version stomp.Version

	// Guarded by the room's mutex.
	ended bool
	place int    // in room.all
	group *group // nil until live
	slot  int    // in group.subs
	seen  int64  // the last seq that it was sent while it was not live
}

// enter makes the subscription one of the room's. It is sent nothing before it is live.
func (s *subscription) enter() {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	s.place = len(r.all)
	r.all = append(r.all, s)
	metrics.subscriptions.Inc()
}

// leave ends the subscription: nothing is sent to it any more. It may be called twice.
func (s *subscription) leave() {
	r := s.room
	r.mu.Lock()
	if s.ended {
		r.mu.Unlock()
		return
	}
	s.ended = true
	last := len(r.all) - 1
	r.all[s.place] = r.all[last]
	r.all[s.place].place = s.place
	r.all[last] = nil
	r.all = r.all[:last]
	r.ungroup(s)
	r.mu.Unlock()
	metrics.subscriptions.Dec()
	r.hub.release(r)
}

func (s *subscription) groupKey() groupKey {
	return groupKey{head: string(s.head), raw: s.version == stomp.V10}
}

// group makes a subscription live from the room's head on. The caller holds mu.
func (r *room) group(s *subscription) {
	key := s.groupKey()
	g := r.groups[key]
	if g == nil {
		g = &group{head: s.head, version: s.version}
		r.groups[key] = g
	}
	s.group, s.slot = g, len(g.subs)
	g.subs = append(g.subs, s)
}

// ungroup undoes group. The caller holds mu.
func (r *room) ungroup(s *subscription) {
	for i, ahead := range r.ahead {
		if ahead == s {
			r.ahead = append(r.ahead[:i], r.ahead[i+1:]...)
			break
		}
	}
	g := s.group
	if g == nil {
		return
	}
	last := len(g.subs) - 1
	g.subs[s.slot] = g.subs[last]
	g.subs[s.slot].slot = s.slot
	g.subs[last] = nil
	g.subs = g.subs[:last]
	if last == 0 {
		delete(r.groups, s.groupKey())
	}
}

// resume makes the subscription, which has seen all up to after, live: at once or after what the ring still has. When after is
// negative, it is live from the room's head on. resume answers false when the room knows too little and the log has to be asked.
func (s *subscription) resume(after int64) bool {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case s.ended:
		return true
	case !r.known || after > max(r.head, r.target):
		return false
	case after > r.head:
		s.seen = after
		r.ahead = append(r.ahead, s)
		return true
	case after >= 0 && after < r.head:
		missed := r.recent(after, s.conn.historyRoom())
		if missed == nil || !s.conn.offer(encode(s.head, s.version, missed)) {
			return false
		}
		metrics.deliveries.Add(float64(len(missed)))
	}
	r.group(s)
	return true
}

// recent is what follows after, if the ring has all of it and it is at most limit bytes. The caller holds mu.
func (r *room) recent(after int64, limit int) []*message {
	if r.ring == nil {
		return nil
	}
	if first := r.ring[(after+1)%ringSize]; first == nil || first.seq != after+1 {
		return nil
	}
	var missed []*message
	for seq := after + 1; seq <= r.head; seq++ {
		m := r.ring[seq%ringSize]
		if limit -= len(m.body); limit < 0 {
			return nil
		}
		missed = append(missed, m)
	}
	return missed
}

// catchUp reads the log from after on, as fast as the client takes it, and makes the subscription live at its end.
func (s *subscription) catchUp(after int64) {
	for {
		messages, head, err := s.room.hub.log.page(s.room.hub.ctx, s.room.id, after)
		if err != nil {
			s.conn.fail(err, nil)
			return
		}
		if len(messages) > 0 {
			after = messages[len(messages)-1].seq
		}
		if !s.history(messages) {
			return
		}
		s.room.observe(head)
		if s.resume(after) {
			return
		}
		if len(messages) == 0 {
			s.conn.fail(problem.Unavailable("the room's history cannot be read at the moment"), nil)
			return
		}
	}
}

// history sends messages of the log, in pieces, each when the client has room for it. It answers false when that has become pointless.
func (s *subscription) history(messages []*message) bool {
	limit := min(writeSize, s.conn.historyRoom())
	for len(messages) > 0 {
		n, size := 0, 0
		for n < len(messages) && (n == 0 || size+len(messages[n].body) <= limit) {
			size += len(messages[n].body)
			n++
		}
		piece := encode(s.head, s.version, messages[:n])
		for sent := false; !sent; {
			if !s.conn.awaitRoom() {
				return false
			}
			s.room.mu.Lock()
			ended := s.ended
			sent = !ended && s.conn.offer(piece)
			s.room.mu.Unlock()
			if ended {
				return false
			}
		}
		metrics.deliveries.Add(float64(n))
		messages = messages[n:]
	}
	return true
}
