package main

import "time"

// How long what is missing may still be on its way before it is read from the log: what a later message came before, and
// what only the log's head tells of, which under load is ahead of the events.
const (
	gapGrace  = 20 * time.Millisecond
	tailGrace = 150 * time.Millisecond
)

// repairSoon has what is missing repaired, if it still is then. The caller holds mu.
func (r *room) repairSoon() {
	if r.repairing {
		return
	}
	r.repairing = true
	grace := tailGrace
	if len(r.pending) > 0 {
		grace = gapGrace
	}
	time.AfterFunc(grace, r.repair)
}

// repair reads the log until the room has what the log is known to have.
func (r *room) repair() {
	for backoff := firstBackoff; ; {
		r.mu.Lock()
		after, missing := r.head, r.target > r.head
		if !missing || r.abandoned.Load() {
			r.repairing = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()

		metrics.repairs.Inc()
		messages, head, err := r.hub.log.page(r.hub.ctx, r.id, after)
		if err == nil && len(messages) > 0 {
			r.hub.silence.repairs.Add(1)
			r.append(messages)
			backoff = firstBackoff
			continue
		}
		if err == nil {
			r.distrust(head)
		}
		select {
		case <-r.hub.ctx.Done():
			return
		case <-time.After(backoff):
			backoff = min(2*backoff, lastBackoff)
		}
	}
}

// distrust takes the log's word for how far it reaches, against what made the room expect more.
func (r *room) distrust(head int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = head
	for seq := range r.pending {
		if seq > head {
			delete(r.pending, seq)
		}
	}
}
