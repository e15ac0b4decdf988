// Package outbox publishes events that are true: an event is a row written in the transaction that makes the change it tells of, and
// a relay publishes rows after the commit. What a crash or a broker that is down leaves behind is published later; an event may be
// published twice, with the same id, and is never lost.
package outbox

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/propagation"

	dapr "github.com/dapr/go-sdk/client"
)

// Migrations make the table outbox in a service's schema.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Event is what is to be published.
type Event struct {
	// PubSub is the Dapr component; empty means "events".
	PubSub string
	Topic  string
	// Key orders: events of one topic with the same key are published in the order of their rows. It is also the partition key.
	Key string
	// Data is encoded as JSON. It must hold no password, hash or token.
	Data any
}

// Outbox belongs to one schema. Run must be running for anything to be published.
type Outbox struct {
	db     *pgxpool.Pool
	relays map[string]*relay
}

// New makes the outbox of the schema that the pool's search path names, with a relay for each Dapr component that events are published
// on: while one of them is away, the others go on.
func New(db *pgxpool.Pool, client dapr.Client, pubsubs ...string) *Outbox {
	o := &Outbox{db: db, relays: map[string]*relay{}}
	for _, name := range pubsubs {
		o.relays[name] = newRelay(db, client, name)
	}
	return o
}

// InTx runs f in a transaction, commits it if f returns nil, and wakes the relay.
func (o *Outbox) InTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	if err := pgx.BeginFunc(ctx, o.db, f); err != nil {
		return err
	}
	o.Wake()
	return nil
}

// Wake tells the relays that rows were committed. It does not block. Who commits by other means than InTx calls it.
func (o *Outbox) Wake() {
	for name := range o.relays {
		o.WakeOne(name)
	}
}

// WakeOne is Wake for rows of one component.
func (o *Outbox) WakeOne(pubsub string) {
	select {
	case o.relays[pubsub].wake <- struct{}{}:
	default:
	}
}

// Insert is the statement that Add executes, with Args its arguments, for those who send it in a batch.
const Insert = `INSERT INTO outbox (event_id, pubsub, topic, key, data, traceparent) VALUES ($1, $2, $3, $4, $5, $6)`

// Add writes an event as part of a transaction. Its id is new.
func (o *Outbox) Add(ctx context.Context, tx pgx.Tx, e Event) error {
	args, err := Args(ctx, e)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, Insert, args...); err != nil {
		return fmt.Errorf("write event %s: %w", e.Topic, err)
	}
	return nil
}

// Args are the arguments of Insert for an event.
func Args(ctx context.Context, e Event) ([]any, error) {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Topic, err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make id of event %s: %w", e.Topic, err)
	}
	if e.PubSub == "" {
		e.PubSub = "events"
	}
	trace := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, trace)
	return []any{id, e.PubSub, e.Topic, e.Key, string(data), trace["traceparent"]}, nil
}
