package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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
	// publishTimeout bounds the calls of the broker in one pass, during which the transaction is idle: see postgres.Open.
	publishTimeout = 5 * time.Second
	// turnTimeout bounds the wait for the passes of other replicas.
	turnTimeout = 30 * time.Second
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
	backoff, failing := time.Duration(0), false
	for {
		done, more, err := o.pass(context.WithoutCancel(ctx))
		if err != nil {
			failed.Inc()
			if !failing { // Once per outage.
				slog.WarnContext(ctx, "events cannot be published and wait in the outbox", "err", err)
			}
		} else if failing {
			slog.InfoContext(ctx, "events are published again")
		}
		failing = err != nil
		if failing && done == 0 {
			backoff = min(max(2*backoff, tick/8), maxBackoff)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(backoff):
			}
			continue
		}
		backoff = 0
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
//
// Every event waits for a pass, so that a pass is two round trips to the database and no more.
func (o *Outbox) pass(ctx context.Context) (done int, more bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	conn, err := o.db.Acquire(waiting)
	if err != nil {
		return 0, false, fmt.Errorf("connect: %w", err)
	}
	defer conn.Release() // In the middle of a transaction it closes the connection, which ends the transaction and its lock.
	rows, err := read(waiting, conn)
	if err != nil {
		return 0, false, err
	}
	batch := &pgx.Batch{}
	var ids []int64
	var publishErr error
	if len(rows) > 0 {
		if ids, publishErr = o.publishAll(ctx, rows); len(ids) > 0 {
			batch.Queue(`DELETE FROM outbox WHERE id = ANY($1)`, ids)
		}
	}
	batch.Queue(`COMMIT`)
	ending, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := conn.SendBatch(ending, batch).Close(); err != nil {
		return 0, false, fmt.Errorf("delete published events: %w", err)
	}
	return len(ids), len(rows) == passRows, publishErr
}

// read begins a transaction, takes the lock, and reads the oldest rows, those that were committed while it waited for the lock among them.
func read(ctx context.Context, conn *pgxpool.Conn) (rows []row, err error) {
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN`)
	// Losing a deletion costs a repetition and nothing else, so it need not wait for the disk.
	batch.Queue(`SET LOCAL synchronous_commit = off`)
	batch.Queue(`SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.outbox'))`)
	batch.Queue(`SELECT id, event_id, pubsub, topic, key, data, traceparent, created_at FROM outbox ORDER BY id LIMIT $1`, passRows).
		Query(func(found pgx.Rows) (err error) {
			rows, err = pgx.CollectRows(found, pgx.RowToStructByPos[row])
			return err
		})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return rows, nil
}

// publishAll publishes rows, each key in order, and returns the ids of those that the broker has.
func (o *Outbox) publishAll(ctx context.Context, rows []row) (done []int64, err error) {
	type ordering struct{ pubsub, topic, key string }
	byKey := map[ordering][]row{}
	for _, r := range rows {
		k := ordering{r.PubSub, r.Topic, r.Key}
		byKey[k] = append(byKey[k], r)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
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
