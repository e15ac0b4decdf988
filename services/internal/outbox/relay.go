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
	// maxBackoff bounds the rest of a topic that was refused.
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
	ID                            int64
	EventID                       uuid.UUID
	Topic, Key, Data, Traceparent string
	CreatedAt                     time.Time
}

// Run relays until the context ends, and then once more what was committed before. It returns nil.
func (o *Outbox) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, r := range o.relays {
		group.Go(func() error {
			r.run(ctx)
			return nil
		})
	}
	return group.Wait()
}

// relay publishes the rows of one component.
type relay struct {
	db     *pgxpool.Pool
	dapr   dapr.Client
	pubsub string
	wake   chan struct{}
	// resting are the topics that the component has refused, which are left out for a while: what is behind them need not wait.
	resting map[string]rest
}

// rest says until when a topic rests, and for how long in all.
type rest struct {
	until time.Time
	wait  time.Duration
}

func newRelay(db *pgxpool.Pool, client dapr.Client, pubsub string) *relay {
	return &relay{db: db, dapr: client, pubsub: pubsub, wake: make(chan struct{}, 1), resting: map[string]rest{}}
}

func (r *relay) run(ctx context.Context) {
	failing := false
	for {
		more, err := r.pass(context.WithoutCancel(ctx))
		if err != nil {
			failed.Inc()
		}
		switch down := err != nil || len(r.resting) > 0; {
		case down && !failing: // Once per outage.
			slog.WarnContext(ctx, "events cannot be published and wait in the outbox", "pubsub", r.pubsub, "err", err)
			failing = true
		case failing && !down:
			slog.InfoContext(ctx, "events are published again", "pubsub", r.pubsub)
			failing = false
		}
		if more {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
			if err != nil {
				return
			}
		case <-r.wake:
		case <-time.After(r.patience()):
		}
	}
}

// patience is how long the relay waits when nobody wakes it.
func (r *relay) patience() time.Duration {
	wait := tick
	for _, rest := range r.resting {
		wait = min(wait, time.Until(rest.until))
	}
	return wait
}

// rested returns the topics that still rest.
func (r *relay) rested() []string {
	topics := []string{}
	for topic, rest := range r.resting {
		if time.Now().Before(rest.until) {
			topics = append(topics, topic)
		}
	}
	return topics
}

// judge notes which topics were refused, and which are published again.
func (r *relay) judge(rows []row, refused map[string]bool) {
	for _, row := range rows {
		if !refused[row.Topic] {
			delete(r.resting, row.Topic)
		}
	}
	for topic := range refused {
		wait := min(max(2*r.resting[topic].wait, tick/8), maxBackoff)
		r.resting[topic] = rest{time.Now().Add(wait), wait}
	}
}

// pass publishes the oldest rows and deletes them. A lock makes the passes of all replicas follow each other, so that the order of
// rows is the order of publication. A crash after publishing publishes again.
//
// Every event waits for a pass, so that a pass is two round trips to the database and no more.
func (r *relay) pass(ctx context.Context) (more bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	conn, err := r.db.Acquire(waiting)
	if err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer conn.Release() // In the middle of a transaction it closes the connection, which ends the transaction and its lock.
	rows, err := r.read(waiting, conn)
	if err != nil {
		return false, err
	}
	batch := &pgx.Batch{}
	var publishErr error
	if len(rows) > 0 {
		var ids []int64
		var refused map[string]bool
		if ids, refused, publishErr = r.publishAll(ctx, rows); len(ids) > 0 {
			batch.Queue(`DELETE FROM outbox WHERE id = ANY($1)`, ids)
		}
		r.judge(rows, refused)
	}
	batch.Queue(`COMMIT`)
	ending, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := conn.SendBatch(ending, batch).Close(); err != nil {
		return false, fmt.Errorf("delete published events: %w", err)
	}
	return len(rows) == passRows, publishErr
}

// read begins a transaction, takes the lock, and reads the oldest rows, those that were committed while it waited for the lock among them.
func (r *relay) read(ctx context.Context, conn *pgxpool.Conn) (rows []row, err error) {
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN`)
	// Losing a deletion costs a repetition and nothing else, so it need not wait for the disk.
	batch.Queue(`SET LOCAL synchronous_commit = off`)
	batch.Queue(`SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.outbox'), hashtext($1))`, r.pubsub)
	batch.Queue(`SELECT id, event_id, topic, key, data, traceparent, created_at FROM outbox
		WHERE pubsub = $1 AND topic <> ALL($2) ORDER BY id LIMIT $3`, r.pubsub, r.rested(), passRows).
		Query(func(found pgx.Rows) (err error) {
			rows, err = pgx.CollectRows(found, pgx.RowToStructByPos[row])
			return err
		})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return rows, nil
}

// publishAll publishes rows, each key in order, and returns the ids of those that the broker has, and the topics of which it does not
// have all.
func (r *relay) publishAll(ctx context.Context, rows []row) (done []int64, refused map[string]bool, err error) {
	type ordering struct{ topic, key string }
	byKey := map[ordering][]row{}
	for _, row := range rows {
		k := ordering{row.Topic, row.Key}
		byKey[k] = append(byKey[k], row)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	ids, refusals := make(chan int64, len(rows)), make(chan string, len(byKey))
	var group errgroup.Group
	group.SetLimit(parallel)
	for k, rows := range byKey {
		group.Go(func() error {
			for _, row := range rows {
				if err := r.publish(ctx, row); err != nil {
					refusals <- k.topic
					return err
				}
				ids <- row.ID
			}
			return nil
		})
	}
	err = group.Wait()
	close(ids)
	for id := range ids {
		done = append(done, id)
	}
	close(refusals)
	refused = map[string]bool{}
	for topic := range refusals {
		refused[topic] = true
	}
	return done, refused, err
}

func (r *relay) publish(ctx context.Context, e row) error {
	metadata := map[string]string{"cloudevent.id": e.EventID.String()}
	if e.Key != "" {
		metadata["partitionKey"] = e.Key
	}
	if e.Traceparent != "" {
		metadata["cloudevent.traceparent"] = e.Traceparent
	}
	err := r.dapr.PublishEvent(ctx, r.pubsub, e.Topic, []byte(e.Data),
		dapr.PublishEventWithContentType("application/json"), dapr.PublishEventWithMetadata(metadata))
	if err != nil {
		return fmt.Errorf("publish %s: %w", e.Topic, err)
	}
	published.Inc()
	lag.Observe(time.Since(e.CreatedAt).Seconds())
	return nil
}
