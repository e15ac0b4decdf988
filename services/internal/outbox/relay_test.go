package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"

	"moim.dev/moim/services/internal/postgres"
	"moim.dev/moim/test/stack"
)

// broker remembers what was published, and refuses what the test says.
type broker struct {
	dapr.Client
	mu        sync.Mutex
	published []string // topic, key and data
	ids       []string
	refuse    func(topic string) bool
	frozen    string // The component that answers nothing.
}

func (b *broker) PublishEvent(ctx context.Context, pubsub, topic string, data any, options ...dapr.PublishEventOption) error {
	if pubsub == b.frozen {
		<-ctx.Done()
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil && b.refuse(topic) {
		return errors.New("refused")
	}
	request := &runtimev1.PublishEventRequest{}
	for _, option := range options {
		option(request)
	}
	b.published = append(b.published, fmt.Sprintf("%s %s %s %s", pubsub, topic, request.GetMetadata()["partitionKey"], data))
	b.ids = append(b.ids, request.GetMetadata()["cloudevent.id"])
	return nil
}

func (b *broker) set(refuse func(topic string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = refuse
}

// await waits until so many events were published.
func (b *broker) await(t *testing.T, count int) []string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		b.mu.Lock()
		published := slices.Clone(b.published)
		b.mu.Unlock()
		if len(published) >= count {
			return published
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events were published, want %d: %v", len(published), count, published)
		}
		time.Sleep(time.Millisecond)
	}
}

// schemas opens a schema of its own for each test.
type schemas struct{ *stack.Stack }

func (s schemas) open(t *testing.T, schema string) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Open(t.Context(), s.DSN("postgres"), schema, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := postgres.Migrate(t.Context(), db, "outbox", Migrations); err != nil {
		t.Fatal(err)
	}
	return db
}

// run runs the relay of an outbox until the test ends.
func run(t *testing.T, o *Outbox) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- o.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func add(t *testing.T, o *Outbox, events ...Event) {
	t.Helper()
	err := o.InTx(context.Background(), func(tx pgx.Tx) error {
		for _, e := range events {
			if err := o.Add(context.Background(), tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func left(t *testing.T, db *pgxpool.Pool) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM outbox`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRelay(t *testing.T) {
	s := schemas{stack.ForTest(t, stack.Options{})}
	t.Run("publishes what was committed and nothing else", func(t *testing.T) {
		db, b := s.open(t, "committed"), &broker{}
		o := New(db, b, "events", "fanout")
		run(t, o)
		errGivenUp := errors.New("given up")
		err := o.InTx(t.Context(), func(tx pgx.Tx) error {
			if err := o.Add(t.Context(), tx, Event{Topic: "a", Data: "rolled back"}); err != nil {
				return err
			}
			return errGivenUp
		})
		if !errors.Is(err, errGivenUp) {
			t.Fatal(err)
		}
		add(t, o, Event{Topic: "a", Key: "k", Data: 1}, Event{PubSub: "fanout", Topic: "b", Data: 2})
		got := b.await(t, 2)
		slices.Sort(got)
		if diff := cmp.Diff([]string{"events a k 1", "fanout b  2"}, got); diff != "" {
			t.Error(diff)
		}
		awaitEmpty(t, db)
	})
	t.Run("keeps the order of a key while others overtake a topic that is refused", func(t *testing.T) {
		db, b := s.open(t, "refused"), &broker{refuse: func(topic string) bool { return topic == "stuck" }}
		o := New(db, b, "events", "fanout")
		run(t, o)
		for n := range 3 {
			add(t, o, Event{Topic: "stuck", Key: "k", Data: n}, Event{Topic: "free", Key: "k", Data: n})
		}
		if diff := cmp.Diff([]string{"events free k 0", "events free k 1", "events free k 2"}, b.await(t, 3)); diff != "" {
			t.Error(diff)
		}
		b.set(nil)
		if diff := cmp.Diff([]string{"events stuck k 0", "events stuck k 1", "events stuck k 2"}, b.await(t, 6)[3:]); diff != "" {
			t.Error(diff)
		}
		awaitEmpty(t, db)
	})
	t.Run("passes by what is refused, however much it is", func(t *testing.T) {
		db, b := s.open(t, "passes"), &broker{refuse: func(topic string) bool { return topic == "stuck" }}
		o := New(db, b, "events", "fanout")
		stuck := make([]Event, passRows+100)
		for i := range stuck {
			stuck[i] = Event{Topic: "stuck", Key: fmt.Sprint(i), Data: i}
		}
		add(t, o, stuck...)
		add(t, o, Event{Topic: "free", Data: 1})
		run(t, o)
		if diff := cmp.Diff([]string{"events free  1"}, b.await(t, 1)); diff != "" {
			t.Error(diff)
		}
		b.set(nil)
		b.await(t, 1+len(stuck))
		awaitEmpty(t, db)
	})
	t.Run("goes on with one component while another does not answer", func(t *testing.T) {
		db, b := s.open(t, "component"), &broker{frozen: "fanout"}
		o := New(db, b, "events", "fanout")
		add(t, o, Event{PubSub: "fanout", Topic: "b", Data: 1})
		run(t, o)
		for n := range 3 {
			add(t, o, Event{Topic: "a", Data: n})
			b.await(t, n+1)
		}
	})
	t.Run("publishes after the end what was committed before it", func(t *testing.T) {
		db, b := s.open(t, "ending"), &broker{}
		o := New(db, b, "events", "fanout")
		add(t, o, Event{Topic: "a", Data: 1})
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := o.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if got := b.await(t, 1); len(got) != 1 || left(t, db) != 0 {
			t.Errorf("%v, %d left", got, left(t, db))
		}
	})
	t.Run("publishes each event once and in order from several replicas", func(t *testing.T) {
		const replicas, writers, each = 3, 4, 50
		b := &broker{}
		var outboxes []*Outbox
		for range replicas {
			o := New(s.open(t, "replicas"), b, "events", "fanout")
			run(t, o)
			outboxes = append(outboxes, o)
		}
		var group errgroup.Group
		for w := range writers {
			group.Go(func() error {
				for n := range each { // One key's events come from all replicas in turn.
					add(t, outboxes[n%replicas], Event{Topic: "a", Key: fmt.Sprint(w), Data: n})
				}
				return nil
			})
		}
		_ = group.Wait()
		last := map[string]int{}
		for _, e := range b.await(t, writers*each) {
			var key string
			var n int
			if _, err := fmt.Sscanf(e, "events a %s %d", &key, &n); err != nil {
				t.Fatal(err)
			}
			if n != last[key] {
				t.Errorf("event %d of key %s where %d had to follow", n, key, last[key])
			}
			last[key]++
		}
		if ids := slices.Compact(slices.Sorted(slices.Values(b.ids))); len(ids) != writers*each {
			t.Errorf("%d ids of %d events", len(ids), writers*each)
		}
	})
	t.Run("goes on when a replica froze with its turn", func(t *testing.T) {
		db, b := s.open(t, "frozen"), &broker{}
		frozen, err := db.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer frozen.Release()
		if _, err := frozen.Exec(t.Context(), `SET idle_in_transaction_session_timeout = '500ms'`); err != nil { // As postgres.Open does, with a longer one.
			t.Fatal(err)
		}
		o := New(db, b, "events", "fanout")
		add(t, o, Event{Topic: "a", Data: 1})
		if rows, err := o.relays["events"].read(t.Context(), frozen); err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		run(t, o)
		b.await(t, 1)
	})
}

// awaitEmpty waits until everything was deleted.
func awaitEmpty(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); left(t, db) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows are left", left(t, db))
		}
	}
}

func TestArgs(t *testing.T) {
	args, err := Args(t.Context(), Event{Topic: "a", Data: json.RawMessage(`{"b":1}`)})
	if err != nil || args[1] != "events" || args[2] != "a" || args[4] != `{"b":1}` {
		t.Error(args, err)
	}
	if _, err := Args(t.Context(), Event{Topic: "a", Data: func() {}}); err == nil {
		t.Error("what is no JSON has arguments")
	}
}
