package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"moim.dev/moim/test/load"
)

// signupsAtOnce is how many wait for their streams at a time.
const signupsAtOnce = 16

// signups measures accounts made, each from the request to the end of its stream.
func (p *platform) signups(ctx context.Context, report *report, size size) error {
	took := make([]time.Duration, size.signups)
	var group errgroup.Group
	group.SetLimit(signupsAtOnce)
	began := time.Now()
	for i := range size.signups {
		group.Go(func() error {
			began := time.Now()
			records, err := p.client.SignUp(ctx, fmt.Sprintf("newcomer%d", i), "correct horse battery")
			if err != nil {
				return err
			}
			if len(records) == 0 || records[len(records)-1].Status != "complete" {
				return fmt.Errorf("a signup didn't complete: %v", records)
			}
			took[i] = time.Since(began)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	elapsed := time.Since(began)
	var h load.Histogram
	for _, t := range took {
		h.Record(t, 1)
	}
	name := fmt.Sprintf("signups, %d at once", signupsAtOnce)
	report.note("Signups: hashing the password with argon2id (19 MiB, 2 passes) is meant to cost, and is most of what a signup takes.")
	report.add(name, "completed streams", "%.1f/s", float64(size.signups)/elapsed.Seconds(), noBar)
	report.latency(name, "request→complete", &h, noBar)
	return nil
}
