package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
)

// Bounds of the wait before a lost subscription is taken up again.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// errMissed ends a subscription that has not told of a change. A store's own connection may have broken without the subscription's
// end: Redis tells nobody of what changes meanwhile, and a component that was replaced tells nothing any more.
var errMissed = errors.New("the subscription did not tell of a change")

// Run follows the store until the context ends, and returns nil.
func (s *Set) Run(ctx context.Context) error {
	backoff := minBackoff
	for ctx.Err() == nil {
		subscribed, err := s.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		slog.DebugContext(ctx, "settings: subscribing again", "store", s.store, "err", err)
		if subscribed {
			backoff = minBackoff
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff/2 + rand.N(backoff)):
		}
		backoff = min(2*backoff, maxBackoff)
	}
	return nil
}

// follow subscribes, reads what is there by then, and reads again after each change. What a change brings is not looked at: there is
// one way by which a value comes in, and changes that overtake each other do no harm.
func (s *Set) follow(ctx context.Context) (subscribed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := s.client.GrpcClient().SubscribeConfiguration(ctx, &runtimev1.SubscribeConfigurationRequest{StoreName: s.store, Keys: s.keys()})
	if err != nil {
		return false, fmt.Errorf("subscribe to settings: %w", err)
	}
	told, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		for {
			if _, err := stream.Recv(); err != nil {
				ended <- err
				return
			}
			select {
			case told <- struct{}{}:
			default:
			}
		}
	}()
	reread := time.NewTicker(s.reread)
	defer reread.Stop()
	for {
		select {
		case err := <-ended:
			// Not subscribed, perhaps, as the store is away or has no way to tell of changes. What can be read is read.
			_, readErr := s.Read(ctx)
			return subscribed, errors.Join(fmt.Errorf("subscription to settings: %w", err), readErr)
		case <-told: // The first says that the subscription has begun.
			if _, err := s.Read(ctx); err != nil {
				return subscribed, err
			}
			subscribed = true
		case <-reread.C:
			changed, err := s.Read(ctx)
			if err == nil && changed {
				err = errMissed
			}
			if err != nil {
				return subscribed, err
			}
		}
	}
}
