// Package load drives servers that speak STOMP over WebSocket with thousands of connections, as an open loop: when something is sent is
// fixed beforehand, and latency counts from then, so that a server that makes the sender wait is charged for the waiting.
//
// It knows as little of WebSocket and STOMP as that takes: what it costs to receive is taken from the server on the same machine.
package load

import (
	"context"
	"time"
)

// Schedule is a constant rate of sends.
type Schedule struct {
	Start time.Time
	Rate  float64 // Sends per second.
	Count int
}

// At is when send i (from 0) is due.
func (s Schedule) At(i int) time.Time {
	return s.Start.Add(time.Duration(float64(i) / s.Rate * float64(time.Second)))
}

// Run calls send for each send when it is due, or at once where it is late.
func (s Schedule) Run(ctx context.Context, send func(i int, due time.Time) error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range s.Count {
		due := s.At(i)
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := send(i, due); err != nil {
			return err
		}
	}
	return ctx.Err()
}
