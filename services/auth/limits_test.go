package main

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/test/client"
)

func TestAddress(t *testing.T) {
	for header, want := range map[string]string{
		"203.0.113.7":            "203.0.113.7",
		"203.0.113.7, 10.0.0.5":  "203.0.113.7",
		" 2001:DB8::1 ,10.0.0.5": "2001:db8::1",
		"":                       "unknown",
		"somewhere":              "unknown",
	} {
		if got := (Client{ForwardedFor: header}).address(); got != want {
			t.Errorf("address of %q = %s, want %s", header, got, want)
		}
	}
}

// limits are taken on a database and by any number of replicas at once.
func (f *fixture) countsAttempts(t *testing.T) {
	db := f.scratch(t)
	replicas := []*service{{db: db}, {db: db}}
	l := limit{"test", 5, time.Minute}
	var let atomic.Int32
	var group errgroup.Group
	for i := range 40 {
		group.Go(func() error {
			err := replicas[i%2].take(t.Context(), l)
			if err == nil {
				let.Add(1)
				return nil
			}
			if p := problem.From(err); p.Code != problem.CodeRateLimited || p.RetryAfter < 1 || p.RetryAfter > 60 {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if let.Load() != 5 {
		t.Errorf("%d attempts of 40 were let through, want 5", let.Load())
	}
	for name, c := range map[string]struct {
		passed string
		want   int
	}{
		"a moment later nothing":        {"1 second", 0},
		"after an interval one":         {"60 seconds", 1},
		"after a long time the burst":   {"10 hours", 5},
		"after three intervals so many": {"3 minutes", 3},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := db.Exec(t.Context(), `UPDATE limits SET tat = now() + interval '5 minutes' - $1::text::interval`, c.passed); err != nil {
				t.Fatal(err)
			}
			let := 0
			for range 8 {
				if replicas[0].take(t.Context(), l) == nil {
					let++
				}
			}
			if let != c.want {
				t.Errorf("%d were let through, want %d", let, c.want)
			}
		})
	}
}

func limited(t *testing.T, err error) {
	t.Helper()
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusTooManyRequests || p.Code != problem.CodeRateLimited {
		t.Errorf("answered %v, want 429 rate_limited", err)
	}
}

// limitsLogins: who guesses at an account is stopped, on whichever replica, and the owner is not.
func (f *fixture) limitsLogins(t *testing.T) {
	c, other := f.both(t)
	owner := f.at(t, "auth-0", newAddress())
	id := newUser(t, owner)
	for i := range 6 {
		if _, err := []client.Client{c, other}[i%2].LogIn(t.Context(), id, "correct horse batterx"); client.Code(err) != "invalid_credentials" {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	for _, c := range []client.Client{c, other} {
		_, err := c.LogIn(t.Context(), id, password) // The right one does not help either.
		limited(t, err)
	}
	if _, err := c.LogIn(t.Context(), newID("nobody"), password); client.Code(err) != "invalid_credentials" {
		t.Errorf("another account: %v, want invalid_credentials", err)
	}
	login(t, owner, id)
}

// limitsNetworks: who guesses from everywhere is stopped, and an owner at a familiar place is not.
func (f *fixture) limitsNetworks(t *testing.T) {
	owner := f.at(t, "auth-0", newAddress())
	id := newUser(t, owner)
	login(t, owner, id)
	_, err := f.db.Exec(t.Context(), `INSERT INTO auth.limits VALUES ('login/account/' || $1, now() + interval '2 minutes')
		ON CONFLICT (bucket) DO UPDATE SET tat = excluded.tat`, id)
	if err != nil {
		t.Fatal(err)
	}
	stranger := f.at(t, "auth-1", newAddress())
	_, err = stranger.LogIn(t.Context(), id, password)
	limited(t, err)
	login(t, owner, id)
}

func (f *fixture) limitsSignups(t *testing.T) {
	c, other := f.both(t)
	for i := range signupsPerAddress {
		if _, err := []client.Client{c, other}[i%2].SignUp(t.Context(), newID("many"), password); err != nil {
			t.Fatalf("signup %d: %v", i, err)
		}
	}
	_, err := other.SignUp(t.Context(), newID("many"), password)
	limited(t, err)
}
