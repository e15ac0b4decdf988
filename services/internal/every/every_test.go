package every

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var at []time.Duration
		began, ended := time.Now(), make(chan error)
		go func() {
			ended <- Run(ctx, time.Minute, "failed", func(context.Context) error {
				at = append(at, time.Since(began))
				return errors.New("failed")
			})
		}()
		time.Sleep(3*time.Minute + time.Second)
		stop()
		if err := <-ended; err != nil || len(at) != 3 || at[0] != time.Minute || at[2] != 3*time.Minute {
			t.Errorf("called at %v, %v; want each minute", at, err)
		}
	})
}
