package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// commits is a committer whose transactions the test ends.
type commits struct {
	*committer
	sizes []int
	ends  chan error
}

func newCommits() *commits {
	c := &commits{ends: make(chan error)}
	c.committer = &committer{commit: func(_ context.Context, entries []*entry) error {
		c.sizes = append(c.sizes, len(entries))
		return <-c.ends
	}}
	return c
}

// append has entries appended; the channel tells how it ended.
func (c *commits) append(ctx context.Context, entries int) <-chan error {
	done := make(chan error, 1)
	batch := make([]*entry, entries)
	for i := range batch {
		batch[i] = &entry{}
	}
	go func() { done <- c.add(ctx, batch) }()
	synctest.Wait()
	return done
}

func TestCommitter(t *testing.T) {
	errBroken := errors.New("broken")
	for name, test := range map[string]func(t *testing.T, c *commits){
		"makes one transaction of what comes during another": func(t *testing.T, c *commits) {
			done := []<-chan error{c.append(t.Context(), 1), c.append(t.Context(), 2), c.append(t.Context(), 3)}
			c.ends <- nil
			c.ends <- nil
			for i := range done {
				if err := <-done[i]; err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff([]int{1, 5}, c.sizes); diff != "" {
				t.Error(diff)
			}
		},
		"bounds a transaction": func(t *testing.T, c *commits) {
			c.append(t.Context(), 1)
			c.append(t.Context(), commitEntries-1)
			c.append(t.Context(), 2)
			c.append(t.Context(), commitEntries+1) // More than fits goes alone.
			for range 4 {
				c.ends <- nil
			}
			synctest.Wait()
			if diff := cmp.Diff([]int{1, commitEntries - 1, 2, commitEntries + 1}, c.sizes); diff != "" {
				t.Error(diff)
			}
		},
		"tells everybody of a transaction that it failed, and goes on": func(t *testing.T, c *commits) {
			first, second, third := c.append(t.Context(), 1), c.append(t.Context(), 1), c.append(t.Context(), 1)
			c.ends <- nil
			c.ends <- errBroken
			if <-first != nil || !errors.Is(<-second, errBroken) || !errors.Is(<-third, errBroken) {
				t.Error("the failure went elsewhere")
			}
			last := c.append(t.Context(), 1)
			c.ends <- nil
			if err := <-last; err != nil {
				t.Error(err)
			}
		},
		"drops what nobody waits for any more": func(t *testing.T, c *commits) {
			c.append(t.Context(), 1)
			ctx, cancel := context.WithCancel(t.Context())
			given := c.append(ctx, 7)
			kept := c.append(t.Context(), 2)
			cancel()
			if err := <-given; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			c.ends <- nil
			c.ends <- nil
			if err := <-kept; err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]int{1, 2}, c.sizes); diff != "" {
				t.Error(diff)
			}
		},
		"does nothing for nothing": func(t *testing.T, c *commits) {
			if err := c.add(t.Context(), nil); err != nil || c.sizes != nil {
				t.Error(err, c.sizes)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newCommits()) })
		})
	}
}
