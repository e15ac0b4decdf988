package main

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
)

// verifyNow has all sessions and memberships verified soon: while a subscription to events was lost, some may have ended
// unheard. It does not wait.
func (s *server) verifyNow(context.Context) {
	select {
	case s.verifies <- struct{}{}:
	default:
	}
}

// verifyAll does what verifyNow asks for, until the context ends: one question after the other, so that those who answer are not
// flooded, and sessions first.
func (s *server) verifyAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.verifies:
		}
		for _, c := range s.conns.all() {
			c.verifySession(ctx)
		}
		s.members.doubt()
		for _, c := range s.conns.all() {
			c.verifyMemberships(ctx)
		}
	}
}

// verifySession closes the connection if its token is no longer good.
func (c *conn) verifySession(ctx context.Context) {
	s := c.session.Load()
	if s == nil {
		return
	}
	err := c.insist(ctx, func(ctx context.Context) error {
		_, err := c.srv.verifyToken(ctx, s.token)
		return err
	})
	var p *problem.Error
	if errors.As(err, &p) && p.Status == http.StatusUnauthorized {
		c.fail(err, nil)
	}
}

// verifyMemberships ends the subscriptions of memberships that have ended.
func (c *conn) verifyMemberships(ctx context.Context) {
	c.mu.Lock()
	subs := slices.Clone(c.subs)
	c.mu.Unlock()
	for _, s := range subs {
		err := c.insist(ctx, func(ctx context.Context) error {
			_, err := c.srv.members.check(ctx, s.room.id, s.user)
			return err
		})
		if errors.Is(err, rooms.ErrNotAMember) || errors.Is(err, rooms.ErrNoRoom) {
			s.end(rooms.ErrNotAMember)
		}
	}
}

// insist asks until there is an answer, or the connection or the context has ended.
func (c *conn) insist(ctx context.Context, ask func(ctx context.Context) error) error {
	for {
		err := retry(ctx, ask)
		if err == nil || !transient(err) || ctx.Err() != nil || c.gone.Load() {
			return err
		}
	}
}
