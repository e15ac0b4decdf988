package main

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/every"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/settings"
	"moim.dev/moim/services/internal/token"
)

// burst is how many seconds' worth of requests may come at once: a page that opens makes a dozen.
const burst = 4

// idle is after how long without a request a limit is forgotten; every bucket is full again by then.
const idle = time.Minute

// limits bounds how many requests a user or an address makes.
type limits struct {
	users, addresses buckets
}

// buckets is a token bucket for each key. The rate is in requests per second; 0 limits nothing.
type buckets struct {
	rate *settings.Value[float64]
	mu   sync.Mutex
	all  map[string]*bucket
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

func newLimits(s *settings.Set, cfg *config) *limits {
	return &limits{
		users:     buckets{rate: settings.Add(s, "limits.requestsPerUser", cfg.RatePerUser, settings.Limit[float64]), all: map[string]*bucket{}},
		addresses: buckets{rate: settings.Add(s, "limits.requestsPerAddress", cfg.RatePerAddress, settings.Limit[float64]), all: map[string]*bucket{}},
	}
}

// take says how long to wait before another request; 0 lets this one through.
func (b *buckets) take(key string, now time.Time) time.Duration {
	perSecond := rate.Limit(b.rate.Get())
	if perSecond == 0 {
		return 0
	}
	most := int(math.Ceil(float64(perSecond) * burst))
	b.mu.Lock()
	defer b.mu.Unlock()
	one, ok := b.all[key]
	if !ok {
		one = &bucket{Limiter: rate.NewLimiter(perSecond, most)}
		b.all[key] = one
	}
	if one.Limit() != perSecond { // It has been changed since.
		one.SetLimitAt(now, perSecond)
		one.SetBurstAt(now, most)
	}
	one.used = now
	reservation := one.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

func (b *buckets) forget(before time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, one := range b.all {
		if one.used.Before(before) {
			delete(b.all, key)
		}
	}
}

// sweep forgets idle limits until the context ends.
func (l *limits) sweep(ctx context.Context) error {
	return every.Run(ctx, idle, "limits not forgotten", func(context.Context) error {
		before := time.Now().Add(-idle)
		l.users.forget(before)
		l.addresses.forget(before)
		return nil
	})
}

func (l *limits) byAddress(c *gin.Context) { l.check(c, &l.addresses, app.Network(c.ClientIP())) }

func (l *limits) byUser(c *gin.Context) {
	if user, ok := c.Get(userKey); ok {
		l.check(c, &l.users, user.(string))
	}
}

func (l *limits) check(c *gin.Context, b *buckets, key string) {
	if wait := b.take(key, time.Now()); wait > 0 {
		fail(c, problem.RateLimited(int(math.Ceil(wait.Seconds())), "too many requests; %g a second are allowed", b.rate.Get()))
	}
}

const userKey = "user"

// identify verifies the token of a request that carries one, so that a bad one costs the services nothing and limits know the user.
// The service verifies it again: nobody trusts what a neighbour says.
func identify(tokens *token.Verifier) gin.HandlerFunc {
	return func(c *gin.Context) {
		raw := token.Bearer(c.GetHeader("Authorization"))
		if raw == "" {
			return
		}
		user, err := tokens.Verify(c.Request.Context(), raw)
		if err == nil {
			c.Set(userKey, user.ID)
			return
		}
		if problem.From(err).Status == http.StatusUnauthorized {
			c.Header("WWW-Authenticate", "Bearer")
			fail(c, err)
		}
	}
}
