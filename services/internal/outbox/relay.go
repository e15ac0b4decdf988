package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	dapr "github.com/dapr/go-sdk/client"
)

const (
	// tick is how long a row waits at most when nobody woke the relay: the replica that wrote it died after its commit.
	tick = time.Second
	// passRows bounds what one pass reads.
	passRows = 500
	// parallel is how many keys are published at once.
	parallel = 16
	// publishTimeout bounds one call of the broker.
	publishTimeout = 5 * time.Second
	// maxBackoff bounds the wait after a pass that failed.
	maxBackoff = 2 * time.Second
)

var (
	published = promauto.NewCounter(prometheus.CounterOpts{
		Name: "moim_outbox_published_total", Help: "Events that the relay of this replica has published.",
	})
	failed = promauto.NewCounter(prometheus.CounterOpts{
		Name: "moim_outbox_failures_total", Help: "Passes of the relay that ended in an error.",
	})
	lag = promauto.NewHistogram(prometheus.HistogramOpts{
		Name: "moim_outbox_lag_seconds", Help: "Time from an event's row to its publication.",
		Buckets: prometheus.ExponentialBuckets(.001, 2, 16),
	})
)

type row struct {
	ID                                    int64
	EventID                               uuid.UUID
	PubSub, Topic, Key, Data, Traceparent string
	CreatedAt                             time.Time
}

// Run relays until the context ends, and then once more what was committed before. It returns nil.
func (o *Outbox) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	backoff := time.Duration(0)
	for {
		more, err := o.pass(context.WithoutCancel(ctx))
		switch {
		case err != nil:
			failed.Inc()
			if backoff == 0 { // Once per outage.
				slog.WarnContext(ctx, "events cannot be published and wait in the outbox", "err", err)
			}
			backoff = min(max(2*backoff, tick/8), maxBackoff)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(backoff):
			}
			continue
		case backoff > 0:
			slog.InfoContext(ctx, "events are published again")
			backoff = 0
		}
		if more {
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-o.wake:
		case <-ticker.C:
		}
	}
}

// pass publishes the oldest rows and deletes them. A lock makes the passes of all replicas follow each other, so that the order of
// rows is the order of publication. A crash after publishing publishes again.
func (o *Outbox) pass(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 6*publishTimeout)
	defer cancel()
	err = pgx.BeginFunc(ctx, o.db, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		// Losing a deletion costs a repetition and nothing else, so it need not wait for the disk.
		batch.Queue(`SET LOCAL synchronous_commit = off`)
		batch.Queue(`SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.outbox'))`)
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("take the relay's turn: %w", err)
		}
		found, err := tx.Query(ctx, `SELECT id, event_id, pubsub, topic, key, data, traceparent, created_at
			FROM outbox ORDER BY id LIMIT $1`, passRows)
		if err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
		rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[row])
		if err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		more = len(rows) == passRows
		done, publishErr := o.publishAll(ctx, rows)
		if len(done) > 0 {
			if _, err := tx.Exec(ctx, `DELETE FROM outbox WHERE id = ANY($1)`, done); err != nil {
				return fmt.Errorf("delete published events: %w", err)
			}
		}
		err = publishErr
		if len(done) > 0 && err != nil { // Keep what was deleted.
			slog.WarnContext(ctx, "some events cannot be published and wait in the outbox", "err", err)
			return nil
		}
		return err
	})
	return more, err
}

// publishAll publishes rows, each key in order, and returns the ids of those that the broker has.
func (o *Outbox) publishAll(ctx context.Context, rows []row) (done []int64, err error) {
	type ordering struct{ pubsub, topic, key string }
	byKey := map[ordering][]row{}
	for _, r := range rows {
		k := ordering{r.PubSub, r.Topic, r.Key}
		byKey[k] = append(byKey[k], r)
	}
	ids := make(chan int64, len(rows))
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, rows := range byKey {
		group.Go(func() error {
			for _, r := range rows {
				if err := o.publish(ctx, r); err != nil {
					return err
				}
				ids <- r.ID
			}
			return nil
		})
	}
	err = group.Wait()
	close(ids)
	for id := range ids {
		done = append(done, id)
	}
	return done, err
}

func (o *Outbox) publish(ctx context.Context, r row) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	metadata := map[string]string{"cloudevent.id": r.EventID.String()}
	if r.Key != "" {
		metadata["partitionKey"] = r.Key
	}
	if r.Traceparent != "" {
		metadata["cloudevent.traceparent"] = r.Traceparent
	}
	err := o.dapr.PublishEvent(ctx, r.PubSub, r.Topic, []byte(r.Data),
		dapr.PublishEventWithContentType("application/json"), dapr.PublishEventWithMetadata(metadata))
	if err != nil {
		return fmt.Errorf("publish %s: %w", r.Topic, err)
	}
	published.Inc()
	lag.Observe(time.Since(r.CreatedAt).Seconds())
	return nil
}
