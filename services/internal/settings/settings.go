// Package settings has what a service reads from Dapr's configuration store and follows without a restart. A setting has a value at
// any time: the last good one of the store, or else the service's own, which comes from its environment.
package settings

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	changes = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "moim_settings_changes_total", Help: "Changes in the configuration store, by key and result (applied, refused).",
	}, []string{"key", "result"})
	answering = promauto.NewGauge(prometheus.GaugeOpts{
		Name: "moim_settings_store_up", Help: "Whether the configuration store answered when it was last read (1) or not (0).",
	})
)

// readTimeout bounds one reading of the store.
const readTimeout = 3 * time.Second

// Set is the settings of one service. All are added before the set is read.
type Set struct {
	client dapr.Client
	store  string
	reread time.Duration

	mu   sync.Mutex // of a reading
	all  []setting
	away bool // and it has been logged
}

// New makes a set of what the service adds to it. While it runs, it is read whenever the store tells of a change, and every reread.
func New(client dapr.Client, store string, reread time.Duration) *Set {
	return &Set{client: client, store: store, reread: reread}
}

// Empty says that the service has no settings to follow.
func (s *Set) Empty() bool { return len(s.all) == 0 }

func (s *Set) keys() []string {
	var keys []string
	for _, one := range s.all {
		keys = append(keys, one.name())
	}
	return keys
}

// Read reads the store once and says whether that changed anything. When the store does not answer, every setting stays as it is.
func (s *Set) Read(ctx context.Context) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	items, err := s.client.GetConfigurationItems(reading, s.store, s.keys())
	if err != nil {
		answering.Set(0)
		if !s.away && ctx.Err() == nil {
			s.away = true
			slog.WarnContext(ctx, "settings cannot be read; they stay as they are, and are tried again", "store", s.store, "err", err)
		}
		return false, fmt.Errorf("read settings: %w", err)
	}
	answering.Set(1)
	if s.away {
		s.away = false
		slog.InfoContext(ctx, "settings can be read again", "store", s.store)
	}
	for _, one := range s.all {
		raw := ""
		if item := items[one.name()]; item != nil {
			raw = item.Value
		}
		if one.apply(ctx, raw) {
			changed = true
		}
	}
	return changed, nil
}

// setting is what a Set knows of a Value, whatever its type.
type setting interface {
	name() string
	apply(ctx context.Context, raw string) (changed bool)
}

// Value is one setting. It may be read by any goroutine at any time.
type Value[T comparable] struct {
	key  string
	rule Rule[T]
	own  T
	now  atomic.Pointer[T]
	raw  string // as it was read last, good or bad
}

// Add has a set follow a key. While the store has none, the value is the service's own, which need not keep the rule.
func Add[T comparable](s *Set, key string, own T, rule Rule[T]) *Value[T] {
	if slices.Contains(s.keys(), key) {
		panic("setting " + key + " is followed twice")
	}
	v := Fixed(own)
	v.key, v.rule = key, rule
	s.all = append(s.all, v)
	return v
}

// Fixed is a value that follows no store.
func Fixed[T comparable](own T) *Value[T] {
	v := &Value[T]{own: own}
	v.now.Store(&own)
	return v
}

// Get returns the value as of now.
func (v *Value[T]) Get() T { return *v.now.Load() }

func (v *Value[T]) name() string { return v.key }

// apply takes a value of the store, or the service's own when the store has none: one that was removed reads as empty.
func (v *Value[T]) apply(ctx context.Context, raw string) bool {
	if raw == v.raw {
		return false
	}
	v.raw = raw
	next := v.own
	if raw != "" {
		var err error
		if next, err = v.rule(raw); err != nil {
			changes.WithLabelValues(v.key, "refused").Inc()
			slog.ErrorContext(ctx, "setting refused; the last good value stays", "key", v.key, "value", raw, "rule", err.Error(), "stays", fmt.Sprint(v.Get()))
			return true
		}
	}
	if before := v.Get(); next != before {
		v.now.Store(&next)
		changes.WithLabelValues(v.key, "applied").Inc()
		slog.InfoContext(ctx, "setting changed", "key", v.key, "from", fmt.Sprint(before), "to", fmt.Sprint(next))
	}
	return true
}
