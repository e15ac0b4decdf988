package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/problem"
)

// limit allows burst attempts at once and one more each interval, over all replicas (GCRA: the bucket holds the theoretical arrival
// time of the next attempt).
type limit struct {
	bucket   string
	burst    int
	interval time.Duration
}

// take counts an attempt, or refuses it with 429 and when to try again. A limit without an interval limits nothing.
func (s *service) take(ctx context.Context, l limit) error {
	if l.interval == 0 {
		return nil
	}
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
	if err != nil {
		return fmt.Errorf("count attempt: %w", err)
	}
	return problem.RateLimited(int(math.Ceil(wait)), "too many attempts; try again later")
}

// reset forgets the attempts of a bucket.
func (s *service) reset(ctx context.Context, bucket string) {
	if _, err := s.db.Exec(ctx, `DELETE FROM limits WHERE bucket = $1`, bucket); err != nil {
		s.Log.WarnContext(ctx, "attempts not forgotten", "err", err)
	}
}

// loginLimits are those of an attempt to log in. The narrow one is for an account from one address, so that somebody who guesses
// does not lock the owner out elsewhere; the wide one of the account bounds those who guess from many addresses.
func (s *service) loginLimits(userID, address string) []limit {
	limits := []limit{
		{"login/" + userID + "/" + address, 6, 15 * time.Second},
		{"login/" + userID, 60, 2 * time.Second},
	}
	if n := s.cfg.LoginsPerAddress; n > 0 {
		limits = append(limits, limit{"login//" + address, n, time.Minute / time.Duration(n)})
	}
	return limits
}

func (s *service) signupLimits(userID, address string) []limit {
	limits := []limit{{"signup/" + userID, 20, 5 * time.Second}}
	if n := s.cfg.SignupsPerAddress; n > 0 {
		limits = append(limits, limit{"signup//" + address, n, time.Hour / time.Duration(n)})
	}
	return limits
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
	_, err := s.db.Exec(ctx, `DELETE FROM limits WHERE tat < now()`)
	return err
}
