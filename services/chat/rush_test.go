package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"moim.dev/moim/services/internal/saga"
)

const (
	rushers = 1000
	seats   = 5
	// rushLimit is far above what a rush takes, also on a busy machine under the race detector, and far below what a queue of a
	// thousand that moves one by one through a slow lock would.
	rushLimit = 20 * time.Second
)

// testRush has everybody join one room at once, over all replicas.
func (c *chat) testRush(t *testing.T) {
	ctx := t.Context()
	host := c.user(t, "rush-host")
	_, err := c.db.Exec(ctx, `INSERT INTO users (user_id, name, saga_id) SELECT 'rush-' || n, 'Rusher ' || n, 'rush' FROM generate_series(0, $1) n`, rushers-1)
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]string, rushers)
	for i := range tokens {
		tokens[i] = c.Token(t, fmt.Sprint("rush-", i))
	}

	t.Run("1,000 want 5 seats and exactly 5 get one", func(t *testing.T) {
		room := c.create(t, host, "Rush", seats+1).ID
		c.rush(t, tokens, room)
		c.settled(t, room, seats+1)
		if told := c.told(t, room, seats+1); len(told) != seats+1 {
			t.Errorf("%d changes were told, want %d", len(told), seats+1)
		}
	})
	t.Run("the same with members who leave meanwhile", func(t *testing.T) {
		room := c.create(t, host, "Rush with leaves", seats+1).ID
		c.churn(t, tokens[:300], room)
	})
	t.Run("one seat in each of many rooms", func(t *testing.T) {
		const rooms = 20
		var wg sync.WaitGroup
		for n := range rooms {
			room := c.create(t, host, fmt.Sprint("Rush ", n), 2).ID
			t.Cleanup(func() { c.settled(t, room, 2) })
			for _, token := range tokens[n*10 : n*10+10] {
				wg.Go(func() {
					if _, err := c.Do(ctx, join(token, room, n%replicas), nil); err != nil && !is(err, 409, codeRoomFull) {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
	})
	t.Run("999 want 999 seats and all of them get one", func(t *testing.T) {
		room := c.create(t, host, "Big", 1000).ID
		began := time.Now()
		var wg sync.WaitGroup
		for i, token := range tokens[:999] {
			wg.Go(func() {
				if _, err := c.Do(ctx, join(token, room, i%replicas), nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		t.Logf("999 joins took %s", time.Since(began))
		c.settled(t, room, 1000)
	})
	t.Run("the last member leaves while others join", func(t *testing.T) {
		for n := range 40 {
			room := c.create(t, host, "Closing", 9).ID
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := c.Do(ctx, leave(host, room), nil); err != nil {
					t.Error(err)
				}
			})
			var entered atomic.Int32
			for i := range 2 * replicas {
				wg.Go(func() {
					switch _, err := c.Do(ctx, join(tokens[n*6+i], room, i%replicas), nil); {
					case err == nil:
						entered.Add(1)
					case !is(err, 404, "not_found"):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			// Either the room was closed before anybody got in, or all did.
			left := c.count(ctx, t, `SELECT count(*) FROM members WHERE room_id = $1 AND left_at IS NULL`, room)
			if got := int(entered.Load()); got != left || (got != 0 && got != 2*replicas) {
				t.Errorf("%d entered and %d are in the room, want both 0 or %d", got, left, 2*replicas)
			}
		}
	})
	t.Run("all members leave and join at once, and are deleted", func(t *testing.T) {
		room := c.create(t, host, "Deleted", 100).ID
		var wg sync.WaitGroup
		for i := range 40 {
			id := fmt.Sprint("gone-", i)
			token := c.user(t, id)
			wg.Go(func() {
				for range 3 {
					if _, err := c.Do(ctx, join(token, room, i%replicas), nil); err != nil && !is(err, 503, "unavailable") {
						t.Error(err)
					}
				}
			})
			c.Ask(t, uuid.NewString(), saga.Delete, id, "")
		}
		wg.Wait()
		c.settled(t, room, 1)
	})
	t.Run("without the lock store", func(t *testing.T) {
		with, mixed := c.create(t, host, "No lock", seats+1).ID, c.create(t, host, "No lock, leaves", seats+1).ID
		for replica := range replicas { // A replica that has seen the session goes on believing in it while it can't ask.
			r := get(host, "/api/chat/rooms/mine")
			r.Replica = replica
			c.call(t, r, nil)
		}
		c.StopProcess(ctx, "redis")
		defer func() {
			c.StartProcess("redis")
			if err := c.WaitReady(ctx, "redis"); err != nil {
				t.Fatal(err)
			}
			if told := c.told(t, with, seats+1); len(told) != seats+1 { // They waited in the outbox.
				t.Errorf("%d changes were told, want %d", len(told), seats+1)
			}
		}()
		c.rush(t, tokens, with)
		c.settled(t, with, seats+1)
		c.churn(t, tokens[:300], mixed)
	})
}

// rush has everybody join once and wants exactly seats of them to get in and all others to be told that the room is full.
func (c *chat) rush(t *testing.T, tokens []string, room uuid.UUID) {
	t.Helper()
	var entered, full atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i, token := range tokens {
		wg.Go(func() {
			<-start
			var got joined
			_, err := c.Do(t.Context(), join(token, room, i%replicas), &got)
			switch {
			case err == nil && got.Entered:
				entered.Add(1)
			case is(err, 409, codeRoomFull):
				full.Add(1)
			default:
				t.Errorf("rusher %d: entered %v, %v", i, got.Entered, err)
			}
		})
	}
	began := time.Now()
	close(start)
	wg.Wait()
	took := time.Since(began)
	t.Logf("%d joins were answered in %s", len(tokens), took)
	if took > rushLimit {
		t.Errorf("it took %s, want at most %s", took, rushLimit)
	}
	if entered.Load() != seats || full.Load() != int32(len(tokens)-seats) {
		t.Errorf("%d entered and %d found the room full, want %d and %d", entered.Load(), full.Load(), seats, len(tokens)-seats)
	}
}

// churn has everybody join again and again, and leave at once when they get in, while the room is watched.
func (c *chat) churn(t *testing.T, tokens []string, room uuid.UUID) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			var rows, personnel int
			err := c.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM members WHERE room_id = r.id AND left_at IS NULL), personnel
				FROM rooms r WHERE id = $1`, room).Scan(&rows, &personnel)
			if err == nil && (rows > seats+1 || rows != personnel) {
				err = fmt.Errorf("%d members and personnel %d in a room for %d", rows, personnel, seats+1)
			}
			if err != nil {
				watched <- err
				return
			}
		}
		watched <- nil
	}()
	var entered atomic.Int32
	var wg sync.WaitGroup
	for i, token := range tokens {
		wg.Go(func() {
			for range 3 {
				var got joined
				_, err := c.Do(ctx, join(token, room, i%replicas), &got)
				if err != nil && !is(err, 409, codeRoomFull) {
					t.Errorf("rusher %d: %v", i, err)
				}
				if err != nil {
					continue
				}
				entered.Add(1)
				r := leave(token, room)
				r.Replica = (i + 1) % replicas
				if _, err := c.Do(ctx, r, nil); err != nil {
					t.Errorf("rusher %d leaves: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	if err := <-watched; err != nil {
		t.Error(err)
	}
	if entered.Load() < seats {
		t.Errorf("%d entered, want more than the seats, as seats became free", entered.Load())
	}
	t.Logf("%d entered and left", entered.Load())
	c.settled(t, room, 1)
}

// settled wants the room to have that many members, by its counter and by its rows.
func (c *chat) settled(t *testing.T, room uuid.UUID, want int) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	personnel := c.count(ctx, t, `SELECT personnel FROM rooms WHERE id = $1`, room)
	rows := c.count(ctx, t, `SELECT count(*) FROM members WHERE room_id = $1 AND left_at IS NULL`, room)
	if personnel != want || rows != want {
		t.Errorf("personnel %d and %d members, want %d", personnel, rows, want)
	}
}
