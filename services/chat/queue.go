package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	dapr "github.com/dapr/go-sdk/client"

	"moim.dev/moim/services/internal/app"
)

const (
	// queueWait is how long a join waits in line before it goes on without its turn.
	queueWait = 5 * time.Second
	// turn is how long the joins of one replica follow each other before another replica may have the room's lock.
	turn = 100 * time.Millisecond
	// lease, in seconds, is after what time the lock of a replica that died is free.
	lease = 5
	// lockWait is how long a join that is first in line tries to get the lock before it goes on without it.
	lockWait = time.Second
	// lockRetry is the mean time between two tries.
	lockRetry = 10 * time.Millisecond
	// lockTimeout bounds one call of the lock store.
	lockTimeout = 250 * time.Millisecond
	// lockRest is how long a lock store that failed is left alone.
	lockRest = 5 * time.Second
)

// queue lets the joins of one room come one after the other, so that a rush for one room does not occupy every connection to the
// database with transactions that wait for the same row. In line are the joins of this replica; a Dapr lock lets one replica's line
// move at a time. It is about manners only: a join that goes on without the lock is as correct, as the database counts the seats.
type queue struct {
	dapr  dapr.Client
	mu    sync.Mutex
	lines map[uuid.UUID]*line
	// rested is when the lock store may be tried again after it failed; zero while it works.
	rested time.Time
}

// line is those who want to join one room through this replica.
type line struct {
	waiting int           // Including the first; guarded by queue.mu.
	first   chan struct{} // Holds one token, of the first in line, to whom the rest belongs.
	lock    *dapr.UnlockRequest
	ends    time.Time // Of the turn.
	yielded bool      // The lock was given up with others still in line.
}

func newQueue(client dapr.Client) *queue {
	return &queue{dapr: client, lines: map[uuid.UUID]*line{}}
}

// wait returns when it is the caller's turn to join the room; the caller calls done afterwards. An error is the context's.
func (q *queue) wait(ctx context.Context, room uuid.UUID) (done func(), err error) {
	q.mu.Lock()
	l, ok := q.lines[room]
	if !ok {
		l = &line{first: make(chan struct{}, 1)}
		q.lines[room] = l
	}
	l.waiting++
	q.mu.Unlock()
	timer := time.NewTimer(queueWait)
	defer timer.Stop()
	select {
	case l.first <- struct{}{}:
	case <-timer.C:
		q.quit(room, l)
		return func() {}, nil
	case <-ctx.Done():
		q.quit(room, l)
		return nil, fmt.Errorf("wait to join room %s: %w", room, ctx.Err())
	}
	if l.lock == nil {
		q.acquire(ctx, room, l)
	}
	return func() {
		empty := q.quit(room, l)
		if l.lock != nil && (empty || time.Now().After(l.ends)) {
			q.release(ctx, l)
			l.yielded = !empty
		}
		<-l.first
	}, nil
}

// quit leaves the line and says whether it is empty now, and gone.
func (q *queue) quit(room uuid.UUID, l *line) (empty bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.waiting--
	if l.waiting > 0 {
		return false
	}
	delete(q.lines, room)
	return true
}

// lockOf is the resource that the lock of a room is for.
func lockOf(room uuid.UUID) string { return "chat.room." + room.String() }

// acquire tries for a while to get the room's lock.
func (q *queue) acquire(ctx context.Context, room uuid.UUID, l *line) {
	resource, owner := lockOf(room), uuid.NewString()
	if l.yielded {
		l.yielded = false
		pause(ctx)
	}
	for deadline := time.Now().Add(lockWait); time.Now().Before(deadline) && ctx.Err() == nil; pause(ctx) {
		q.mu.Lock()
		resting := time.Now().Before(q.rested)
		q.mu.Unlock()
		if resting {
			return
		}
		call, cancel := context.WithTimeout(ctx, lockTimeout)
		resp, err := q.dapr.TryLockAlpha1(call, app.LockStore, &dapr.LockRequest{
			ResourceID: resource, LockOwner: owner, ExpiryInSeconds: lease,
		})
		cancel()
		if ctx.Err() == nil {
			q.noteHealth(ctx, err)
		}
		if err != nil {
			return
		}
		if resp.Success {
			l.lock = &dapr.UnlockRequest{ResourceID: resource, LockOwner: owner}
			l.ends = time.Now().Add(turn)
			return
		}
	}
}

func (q *queue) release(ctx context.Context, l *line) {
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockTimeout)
	defer cancel()
	_, err := q.dapr.UnlockAlpha1(call, app.LockStore, l.lock) // A lock that was not released ends with its lease.
	q.noteHealth(ctx, err)
	l.lock = nil
}

// noteHealth remembers whether the lock store works, and logs when that changes.
func (q *queue) noteHealth(ctx context.Context, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch failedBefore := !q.rested.IsZero(); {
	case err == nil && failedBefore:
		q.rested = time.Time{}
		slog.InfoContext(ctx, "the lock store works again")
	case err != nil:
		q.rested = time.Now().Add(lockRest)
		if !failedBefore {
			slog.WarnContext(ctx, "the lock store does not work; rooms are joined without it", "err", err)
		}
	}
}

// pause lets some time pass, no two replicas the same.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(lockRetry/2 + rand.N(lockRetry)):
	}
}
