package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// readyTimeout is how long everything together may take until it is ready.
	readyTimeout = 2 * time.Minute
	// deathsAllowed is how often a program may end before it was ever ready: at a start in parallel one may come too early for another.
	deathsAllowed = 2
	probeInterval = 50 * time.Millisecond
)

// awaitReady waits until all of them are ready, or one of them won't be.
func awaitReady(ctx context.Context, processes []*process) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range processes {
		group.Go(func() error { return p.awaitReady(ctx) })
	}
	return group.Wait()
}

func (p *process) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	last := errors.New("it does not run")
	for {
		if p.pid() != 0 {
			probe, cancel := context.WithTimeout(ctx, 5*time.Second)
			err := p.ready(probe)
			cancel()
			if err == nil {
				return nil
			}
			if ctx.Err() == nil {
				last = err
			}
		}
		if p.deathCount() > deathsAllowed {
			return fmt.Errorf("%s ends right after each start; the end of its log %s:\n%s", p.name, p.log, logTail(p.log, 15))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err() // another one failed, or whoever waited gave up
			}
			return fmt.Errorf("%s is not ready after %s (%w); the end of its log %s:\n%s", p.name, readyTimeout, last, p.log, logTail(p.log, 15))
		}
	}
}

// logTail returns the last lines of a log.
func logTail(path string, lines int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
