package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const (
	// commitEntries and commitBytes bound what one transaction takes on, unless a single append exceeds them.
	commitEntries = 1000
	commitBytes   = 2 << 20
	// commitTimeout bounds a transaction.
	commitTimeout = 4 * time.Second
)

var (
	commitSize = promauto.NewHistogram(prometheus.HistogramOpts{
		Name: "moim_message_commit_messages", Help: "Messages in one transaction, resent and refused ones included.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 11),
	})
	commitSeconds = promauto.NewHistogram(prometheus.HistogramOpts{
		Name: "moim_message_commit_seconds", Help: "Time that one transaction takes.",
		Buckets: prometheus.ExponentialBuckets(.0005, 2, 14),
	})
)

// job is what one append wants to have stored.
type job struct {
	ctx     context.Context
	entries []*entry
	bytes   int
	done    chan error
}

// committer makes one transaction of all the appends that come while the one before is under way: the busier the replica, the more
// messages share a commit, a wait for the disk, and an event.
type committer struct {
	commit func(ctx context.Context, entries []*entry) error

	mu      sync.Mutex
	waiting []*job
	running bool
}

// add stores entries and writes their results. When it fails, they may be stored all the same; adding them again says where. The
// entries must not be used after a failure.
func (c *committer) add(ctx context.Context, entries []*entry) error {
	if len(entries) == 0 {
		return nil
	}
	j := &job{ctx: ctx, entries: entries, done: make(chan error, 1)}
	for _, e := range entries {
		j.bytes += len(e.Content)
	}
	c.mu.Lock()
	c.waiting = append(c.waiting, j)
	if !c.running {
		c.running = true
		go c.run()
	}
	c.mu.Unlock()
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run commits what waits until nothing does.
func (c *committer) run() {
	for {
		jobs, entries := c.next()
		if len(jobs) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(jobs[0].ctx), commitTimeout)
		began := time.Now()
		err := c.commit(ctx, entries)
		cancel()
		commitSize.Observe(float64(len(entries)))
		commitSeconds.Observe(time.Since(began).Seconds())
		for _, j := range jobs {
			j.done <- err
		}
	}
}

// next takes the jobs of the next transaction, but for those that nobody waits for any more.
func (c *committer) next() (jobs []*job, entries []*entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	bytes, taken := 0, 0
	for _, j := range c.waiting {
		if len(jobs) > 0 && (len(entries)+len(j.entries) > commitEntries || bytes+j.bytes > commitBytes) {
			break
		}
		taken++
		if j.ctx.Err() != nil {
			continue
		}
		jobs, entries, bytes = append(jobs, j), append(entries, j.entries...), bytes+j.bytes
	}
	clear(c.waiting[:taken])
	c.waiting = c.waiting[taken:]
	c.running = len(jobs) > 0
	return jobs, entries
}
