// Package events receives events: one at a time, in the broker's order, for as long as the service runs, through every restart of
// the sidecar and the broker.
//
// The SDK's own handler loop runs a goroutine for each event, which loses their order, and its receiver decodes every payload before
// anybody asks; this package reads the same stream of the sidecar (SubscribeTopicEventsAlpha1) itself.
package events

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	dapr "github.com/dapr/go-sdk/client"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"moim.dev/moim/services/internal/every"
	"moim.dev/moim/services/internal/problem"
)

// Migrations make the table inbox in a service's schema.
//
//go:embed migrations/*.sql
var Migrations embed.FS

const (
	// maxBackoff bounds the wait before a lost subscription is taken up again.
	maxBackoff = time.Second
	// maxPatience bounds the wait before an event is handled again for which something was away.
	maxPatience = 2 * time.Second
)

// endTimeout bounds how long the end of a subscription waits for the event that is being handled.
const endTimeout = 10 * time.Second

var handled = promauto.NewCounterVec(prometheus.CounterOpts{
	Name: "moim_events_handled_total", Help: "Attempts to handle an event, by topic and result (ok, failed, waiting for something unavailable).",
}, []string{"topic", "result"})

// Event is one event as received.
type Event struct {
	// ID is that of the row in the publisher's outbox, the same in every delivery.
	ID    string
	Topic string
	Data  json.RawMessage
}

// Decode reads the event's data.
func (e Event) Decode(into any) error {
	if err := json.Unmarshal(e.Data, into); err != nil {
		return fmt.Errorf("decode event %s of %s: %w", e.ID, e.Topic, err)
	}
	return nil
}

// Handler handles an event. It is called again until it succeeds, for as long as its error says that something is unavailable, a
// store for instance: that is no fault of the event, and those behind it would meet the same. Any other error makes the sidecar deliver
// the event again, as its resiliency policy says, and then put it on <topic>.dlt. An event may come more than once: see Once.
type Handler func(ctx context.Context, e Event) error

// Subscription says what is received and by whom.
type Subscription struct {
	// PubSub is the Dapr component; empty means "events".
	PubSub string
	Topic  string
	Handle Handler
	// Connected is called each time the subscription is taken up, before its first event; it may be nil. Whoever must not
	// miss an event that a broker lost looks there at what happened meanwhile.
	Connected func(ctx context.Context)
	// Again has the subscription taken up anew whenever it gives something; it may be nil. Whoever notices that events don't come, though
	// no connection was lost, uses it: some brokers forget who receives when they are restarted.
	Again <-chan struct{}
}

// Run receives until the context ends and returns nil. An event that is being handled then is handled to its end.
func (s Subscription) Run(ctx context.Context, client dapr.Client) error {
	if s.PubSub == "" {
		s.PubSub = "events"
	}
	backoff := time.Duration(0)
	for ctx.Err() == nil {
		connected, err := s.receive(ctx, client)
		if ctx.Err() != nil {
			break
		}
		if connected {
			backoff = 0
		}
		if backoff < maxBackoff { // No line per attempt while the sidecar stays away.
			slog.WarnContext(ctx, "subscription lost, taking it up again", "topic", s.Topic, "err", err)
		}
		backoff = min(max(2*backoff, maxBackoff/16), maxBackoff)
		select {
		case <-ctx.Done():
		case <-time.After(backoff/2 + rand.N(backoff)):
		}
	}
	return nil
}

func (s Subscription) receive(ctx context.Context, client dapr.Client) (connected bool, err error) {
	// What is being handled when the subscription is to end is handled to its end: the broker would hand it to nobody else for seconds.
	handling, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ctx, again := context.WithCancel(ctx)
	defer again()
	taken := context.AfterFunc(ctx, stop) // Until it is taken up there is nothing to handle to its end.
	defer taken()
	go func() {
		select {
		case <-s.Again:
			again()
		case <-ctx.Done():
		}
	}()
	stream, err := client.GrpcClient().SubscribeTopicEventsAlpha1(handling)
	if err != nil {
		return false, fmt.Errorf("subscribe to %s: %w", s.Topic, err)
	}
	deadLetter := s.Topic + ".dlt"
	err = stream.Send(&runtimev1.SubscribeTopicEventsRequestAlpha1{
		SubscribeTopicEventsRequestType: &runtimev1.SubscribeTopicEventsRequestAlpha1_InitialRequest{
			InitialRequest: &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{
				PubsubName: s.PubSub, Topic: s.Topic, DeadLetterTopic: &deadLetter,
			},
		},
	})
	if err != nil {
		return false, fmt.Errorf("subscribe to %s: %w", s.Topic, err)
	}
	var busy sync.Mutex
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(endTimeout, stop)
		busy.Lock()
		defer busy.Unlock()
		_ = stream.CloseSend() // It fails where the stream has ended.
	})()
	for {
		in, err := stream.Recv()
		if err != nil {
			return connected, fmt.Errorf("receive from %s: %w", s.Topic, err)
		}
		if in.GetInitialResponse() != nil {
			connected = true
			taken()
			slog.DebugContext(ctx, "subscribed", "topic", s.Topic)
			if s.Connected != nil {
				s.Connected(ctx)
			}
			continue
		}
		message := in.GetEventMessage()
		if message == nil {
			continue
		}
		busy.Lock()
		if ctx.Err() != nil {
			busy.Unlock()
			return connected, ctx.Err()
		}
		err = stream.Send(&runtimev1.SubscribeTopicEventsRequestAlpha1{
			SubscribeTopicEventsRequestType: &runtimev1.SubscribeTopicEventsRequestAlpha1_EventProcessed{
				EventProcessed: &runtimev1.SubscribeTopicEventsRequestProcessedAlpha1{
					Id: message.GetId(), Status: &runtimev1.TopicEventResponse{Status: s.handle(handling, ctx.Done(), message)},
				},
			},
		})
		busy.Unlock()
		if err != nil {
			return connected, fmt.Errorf("answer event of %s: %w", s.Topic, err)
		}
	}
}

// handle handles an event, and goes on trying until stop is closed where something is unavailable.
func (s Subscription) handle(ctx context.Context, stop <-chan struct{}, m *runtimev1.TopicEventRequest) runtimev1.TopicEventResponse_TopicEventResponseStatus {
	if parent := m.GetExtensions().GetFields()["traceparent"].GetStringValue(); parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
	}
	ctx, span := otel.Tracer("moim/events").Start(ctx, "handle "+s.Topic)
	defer span.End()
	e := Event{ID: m.GetId(), Topic: m.GetTopic(), Data: m.GetData()}
	err := s.Handle(ctx, e)
	for wait := maxPatience / 32; problem.IsUnavailable(err); wait = min(2*wait, maxPatience) {
		if wait == maxPatience/32 {
			slog.WarnContext(ctx, "event waits", "topic", s.Topic, "event", m.GetId(), "err", err)
		}
		handled.WithLabelValues(s.Topic, "waiting").Inc()
		select {
		case <-stop:
			return runtimev1.TopicEventResponse_RETRY
		case <-time.After(wait/2 + rand.N(wait)):
		}
		err = s.Handle(ctx, e)
	}
	if err != nil {
		span.RecordError(err)
		handled.WithLabelValues(s.Topic, "failed").Inc()
		slog.ErrorContext(ctx, "event failed", "topic", s.Topic, "event", m.GetId(), "err", err)
		return runtimev1.TopicEventResponse_RETRY
	}
	handled.WithLabelValues(s.Topic, "ok").Inc()
	return runtimev1.TopicEventResponse_SUCCESS
}

// errSeen ends the transaction of an event that was handled before.
var errSeen = errors.New("event handled before")

// Once makes a handler of f that has each event handled exactly once: f runs in a transaction that also records the event, and an
// event that is recorded is not handled again. after, when not nil, is called when f's transaction has been committed.
func Once(db *pgxpool.Pool, f func(ctx context.Context, tx pgx.Tx, e Event) error, after func()) Handler {
	return func(ctx context.Context, e Event) error {
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `INSERT INTO inbox (event_id, topic) VALUES ($1, $2) ON CONFLICT DO NOTHING`, e.ID, e.Topic)
			if err != nil {
				return fmt.Errorf("record event: %w", err)
			}
			if tag.RowsAffected() == 0 {
				return errSeen
			}
			return f(ctx, tx, e)
		})
		if errors.Is(err, errSeen) {
			return nil
		}
		if err == nil && after != nil {
			after()
		}
		return err
	}
}

// Keep is how long the inbox remembers an event: longer than one waits to be delivered again.
const Keep = 7 * 24 * time.Hour

// Forget deletes what the inbox need not remember any more, now and then, until the context ends. It returns nil.
func Forget(ctx context.Context, db *pgxpool.Pool) error {
	return every.Run(ctx, time.Hour, "old events are not forgotten", func(ctx context.Context) error {
		_, err := db.Exec(ctx, `DELETE FROM inbox WHERE handled_at < now() - $1::interval`, Keep)
		return err
	})
}
