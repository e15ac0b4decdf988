package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/problem"
)

// limit allows burst attempts at once and one more each interval, over all replicas (GCRA: the bucket holds the theoretical arrival
// time of the next attempt).
type limit struct {
	bucket   string
	burst    int
	interval time.Duration
}

// take counts an attempt, or refuses it with 429 and when to try again.
func (s *service) take(ctx context.Context, l limit) error {
	var tat time.Time
	err := s.db.QueryRow(ctx, `INSERT INTO limits AS l (bucket, tat) VALUES ($1, now() + $2::interval)
		ON CONFLICT (bucket) DO UPDATE SET tat = greatest(l.tat, now()) + $2::interval
		WHERE greatest(l.tat, now()) + $2::interval <= now() + $2::interval * $3 RETURNING tat`,
		l.bucket, l.interval, l.burst).Scan(&tat)
	if err == nil {
		return nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("count attempt: %w", err)
	}
	var wait float64
	err = s.db.QueryRow(ctx, `SELECT extract(epoch FROM tat + $2::interval - now() - $2::interval * $3) FROM limits WHERE bucket = $1`,
		l.bucket, l.interval, l.burst).Scan(&wait)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.take(ctx, l) // Forgiven in this very moment.
	}
	if err != nil {
		return fmt.Errorf("count attempt: %w", err)
	}
	return problem.RateLimited(int(math.Ceil(wait)), "too many attempts; try again later")
}

// takeLogin counts an attempt to log in, or to confirm a password.
//
// The limit of the address comes first: who is over it makes no more buckets.
//
// The narrowest limit is for an account from one network: who guesses from there does not lock the owner out elsewhere, and does not
// get to use up the limit of the account, which is for those who guess from many networks. An owner who has logged in from a network
// before is not held up by the latter.
func (s *service) takeLogin(ctx context.Context, userID, address string) error {
	var limits []limit
	if n := s.live.loginsPerAddress.Get(); n > 0 {
		limits = append(limits, limit{"login/address/" + app.Network(address), n, time.Minute / time.Duration(n)})
	}
	if err := s.takeAll(ctx, append(limits, s.pairLimit(userID, address))); err != nil {
		return err
	}
	limited := s.take(ctx, limit{"login/account/" + userID, 60, 2 * time.Second})
	if limited == nil {
		return nil
	}
	familiar, err := s.familiar(ctx, userID, address)
	if err != nil || familiar {
		return err
	}
	return limited
}

// familiar says whether a user has logged in from the network of an address before.
func (s *service) familiar(ctx context.Context, userID, address string) (bool, error) {
	rows, err := s.db.Query(ctx, `SELECT DISTINCT address FROM sessions WHERE user_id = $1`, userID)
	if err != nil {
		return false, fmt.Errorf("look for sessions from the network: %w", err)
	}
	addresses, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return false, fmt.Errorf("look for sessions from the network: %w", err)
	}
	return slices.ContainsFunc(addresses, func(a string) bool { return app.Network(a) == app.Network(address) }), nil
}

// takeRefresh counts a renewal of an access token, for which there is ten times the room that there is for logging in.
func (s *service) takeRefresh(ctx context.Context, address string) error {
	n := 10 * s.live.loginsPerAddress.Get()
	if n == 0 {
		return nil
	}
	return s.take(ctx, limit{"refresh/address/" + app.Network(address), n, time.Minute / time.Duration(n)})
}

// pairLimit is that of an account from one network. The network stands first, as it holds no slash and a user id, before it has been
// checked, may hold anything: so no two pairs have the same bucket.
func (s *service) pairLimit(userID, address string) limit {
	return limit{"login/pair/" + app.Network(address) + "/" + userID, 6, 15 * time.Second}
}

// forgiveLogin forgets the failed attempts before one that succeeded.
func (s *service) forgiveLogin(ctx context.Context, userID, address string) {
	if _, err := s.db.Exec(ctx, `DELETE FROM limits WHERE bucket = $1`, s.pairLimit(userID, address).bucket); err != nil {
		s.Log.WarnContext(ctx, "attempts not forgotten", "user", userID, "err", err)
	}
}

func (s *service) signupLimits(userID, address string) []limit {
	var limits []limit
	if n := s.live.signupsPerAddress.Get(); n > 0 {
		limits = append(limits, limit{"signup/address/" + app.Network(address), n, time.Hour / time.Duration(n)})
	}
	return append(limits, limit{"signup/account/" + userID, 20, 5 * time.Second})
}

func (s *service) takeAll(ctx context.Context, limits []limit) error {
	for _, l := range limits {
		if err := s.take(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// forgetLimits deletes buckets that limit nothing any more.
func (s *service) forgetLimits(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM limits WHERE tat < now()`); err != nil {
		return fmt.Errorf("forget limits: %w", err)
	}
	return nil
}
