package token

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Revoked asks the state store whether a session has ended.
type Revoked func(ctx context.Context, session string) (bool, error)

const (
	// sessionMaxAge is how long "not ended" is believed: a logout is known everywhere after it.
	sessionMaxAge = time.Second
	// sessionGrace is how long it is believed while the state store cannot be asked.
	sessionGrace = time.Minute
	// sessionTimeout bounds a look-up, which a request waits for; graceTimeout one of a session whose last answer would do.
	sessionTimeout = 2 * time.Second
	graceTimeout   = 250 * time.Millisecond
	// sessionCacheSize bounds the cache; beyond it, what is old is thrown out.
	sessionCacheSize = 100_000
)

// sessions remembers which sessions were looked up, and when. That one has ended is remembered for as long as its tokens last.
type sessions struct {
	ask    Revoked
	flight singleflight.Group
	mu     sync.Mutex
	seen   map[string]seen
	failed time.Time
}

type seen struct {
	at      time.Time
	revoked bool
}

func newSessions(ask Revoked) *sessions { return &sessions{ask: ask, seen: map[string]seen{}} }

func (s *sessions) revoked(ctx context.Context, id string) (bool, error) {
	s.mu.Lock()
	last, known := s.seen[id]
	down := time.Since(s.failed) < sessionMaxAge
	s.mu.Unlock()
	if known && (last.revoked || time.Since(last.at) < sessionMaxAge) {
		return last.revoked, nil
	}
	inGrace := known && time.Since(last.at) < sessionGrace
	if inGrace && down {
		return false, nil // Asked a moment ago, in vain; not every request need wait for that.
	}
	patience := sessionTimeout
	if inGrace {
		patience = graceTimeout
	}
	answer, err, _ := s.flight.Do(id, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		asked := time.Now() // The answer may be no younger, also for those who join in later.
		revoked, err := s.ask(ctx, id)
		return seen{at: asked, revoked: revoked}, err
	})
	if err != nil {
		s.mu.Lock()
		s.failed = time.Now()
		s.mu.Unlock()
		if inGrace {
			return false, nil
		}
		return false, err
	}
	found := answer.(seen)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) >= sessionCacheSize {
		s.evict()
	}
	s.seen[id] = found
	return found.revoked, nil
}

// evict forgets what no token can need any more, or everything if that is not enough. The caller holds mu.
func (s *sessions) evict() {
	for id, e := range s.seen {
		if age := time.Since(e.at); age > Lifetime || (!e.revoked && age > sessionGrace) {
			delete(s.seen, id)
		}
	}
	if len(s.seen) >= sessionCacheSize {
		clear(s.seen)
	}
}
