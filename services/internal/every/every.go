// Package every does work again and again in the background.
package every

import (
	"context"
	"log/slog"
	"time"
)

// Run calls f each interval until the context ends, and then returns nil. What f fails with is logged as a warning that says what,
// and f is called again after the interval.
func Run(ctx context.Context, interval time.Duration, what string, f func(ctx context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := f(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, what, "err", err) //nolint:sloglint // The caller's constant.
		}
	}
}
