package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// testAtOnce books from many sides at the same time, over all replicas.
func (c customer) testAtOnce(t *testing.T) {
	many := func(n int, f func(i int)) {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { f(i) })
		}
		wg.Wait()
	}
	balance := func(t *testing.T, token string) int64 {
		t.Helper()
		var record Customer
		c.get(t, token, me, &record)
		return record.Balance
	}

	t.Run("one event is booked once and answered alike", func(t *testing.T) {
		mina := c.signUp(t, "once")
		ids := make([]uuid.UUID, 50)
		many(len(ids), func(i int) {
			r := c.booking("once", "once", 10)
			r.Replica = i % replicas
			var booked Transaction
			if _, err := c.Do(t.Context(), r, &booked); err != nil {
				t.Error(err)
			}
			ids[i] = booked.ID
		})
		for _, id := range ids {
			if id != ids[0] {
				t.Fatalf("two transactions, %s and %s", ids[0], id)
			}
		}
		if got := balance(t, mina); got != 10 {
			t.Errorf("balance %d, want 10", got)
		}
	})
	t.Run("one event for two customers is booked for one of them", func(t *testing.T) {
		users := []string{"two-a", "two-b"}
		tokens := []string{c.signUp(t, users[0]), c.signUp(t, users[1])}
		for round := range 20 {
			var booked atomic.Int32
			many(2, func(i int) {
				r := c.booking(users[i], fmt.Sprint("two-", round), 1)
				r.Replica = i
				_, err := c.Do(t.Context(), r, nil)
				if err == nil {
					booked.Add(1)
				} else if !is(err, 409, "conflict") {
					t.Error(err)
				}
			})
			if booked.Load() != 1 {
				t.Errorf("booked for %d customers, want 1", booked.Load())
			}
		}
		if got := balance(t, tokens[0]) + balance(t, tokens[1]); got != 20 {
			t.Errorf("balances of %d together, want 20", got)
		}
	})
	t.Run("a balance is spent once", func(t *testing.T) {
		mina := c.signUp(t, "spent")
		c.call(t, c.booking("spent", "all-there-is", 7), nil)
		var spent atomic.Int32
		many(40, func(i int) {
			r := c.booking("spent", fmt.Sprint("spend-", i), -1)
			r.Replica = i % replicas
			_, err := c.Do(t.Context(), r, nil)
			if err == nil {
				spent.Add(1)
			} else if !is(err, 409, "insufficient_balance") {
				t.Error(err)
			}
		})
		if got := balance(t, mina); spent.Load() != 7 || got != 0 {
			t.Errorf("spent %d with %d left, want 7 with 0", spent.Load(), got)
		}
	})
}
