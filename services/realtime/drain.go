package main

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// drainTick is how often, during a drain, some connections are sent away.
	drainTick = 20 * time.Millisecond
	// compareTicks is how often, in ticks, the others are looked at for what they have missed.
	compareTicks = 10
)

// drain sends all connections away, in random order and spread over a while, so that they don't all come to the other
// replicas at once. Each goes when what it has sent is stored and receipted, and works until then. drain returns when all
// are gone, or the context's end cuts off who is left.
func (s *server) drain(ctx context.Context) {
	s.draining.Store(true)
	conns := s.conns.all()
	s.log.Info("sending connections away", "connections", len(conns))
	rand.Shuffle(len(conns), func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
	share := max(1, len(conns)*int(drainTick)/int(s.cfg.DrainSpread))
	ticker := time.NewTicker(drainTick)
	defer ticker.Stop()
	for tick := 0; ; tick++ {
		if tick%compareTicks == 0 { // Events are not received any more.
			s.hub.compareNow(ctx)
		}
		n := min(share, len(conns))
		for _, c := range conns[:n] {
			c.retire()
		}
		if conns = conns[n:]; len(conns) == 0 {
			// Including who connected when the drain began.
			if conns = s.conns.all(); len(conns) == 0 {
				return
			}
		}
		select {
		case <-ctx.Done():
			for _, c := range s.conns.all() {
				c.shut()
			}
			return
		case <-ticker.C:
		}
	}
}
