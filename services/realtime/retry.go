package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"moim.dev/moim/services/internal/problem"
)

const (
	// callTimeout bounds one call of another service, patience all attempts at it.
	callTimeout = 5 * time.Second
	patience    = 10 * time.Second
	// firstBackoff and lastBackoff bound the wait between attempts.
	firstBackoff = 25 * time.Millisecond
	lastBackoff  = time.Second
)

// retry calls f until it succeeds, fails for good, or patience ends: a service that restarts is waited for.
func retry(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		attempt, done := context.WithTimeout(ctx, callTimeout)
		err := f(attempt)
		done()
		if err == nil || !transient(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(backoff):
		}
	}
}

// transient says whether the same call may succeed a moment later. What is no problem is a failure on the way.
func transient(err error) bool {
	var p *problem.Error
	if !errors.As(err, &p) {
		return true
	}
	return p.Status >= http.StatusInternalServerError || p.Status == http.StatusTooManyRequests
}
