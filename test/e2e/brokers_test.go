package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"moim.dev/moim/test/broker"
	"moim.dev/moim/test/client"
	"moim.dev/moim/test/stack"
)

// TestBrokers runs the platform on what dapr-components has for each broker and store, with nothing added but the address.
func TestBrokers(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, *resources) (restart func() error){
		"RabbitMQ": func(t *testing.T, r *resources) func() error {
			node, err := broker.StartRabbitMQ(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(node.Stop)
			r.replace("rabbitmq/events.yaml", "connectionString", "amqp://guest:guest@"+node.AMQP)
			r.replace("rabbitmq/fanout.yaml", "connectionString", "amqp://guest:guest@"+node.AMQP)
			return nil // Dapr's component loses consumers then: https://github.com/dapr/components-contrib/issues/4540.
		},
		"Kafka": func(t *testing.T, r *resources) func() error {
			node, err := broker.StartKafka()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(node.Close)
			r.replace("kafka/events.yaml", "brokers", node.Addr, "authType", "none")
			r.replace("kafka/fanout.yaml", "brokers", node.Addr, "authType", "none")
			return nil // It would forget everything.
		},
		"JetStream for broadcasts": func(t *testing.T, r *resources) func() error {
			node, err := broker.StartNATS(t.Context(), t.TempDir(), "message.>", "chat.>", "auth.>")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(node.Stop)
			r.replace("jetstream/fanout.yaml", "natsURL", node.URL)
			return func() error {
				node.Stop()
				return node.Start(t.Context())
			}
		},
		"PostgreSQL for state": func(_ *testing.T, r *resources) func() error {
			r.replace("postgresql/state.yaml", "connectionString", secret)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := local(t)
			restart := begin(t, r)
			s := stack.ForTest(t, stack.Options{Services: unlimited(), Components: r.dir})
			c := client.Client{Base: s.URL()}
			signUp(t, c)
			chat(t, c, "chat")
			leave(t, c)
			logOut(t, c)

			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			seen := func(app, topic string) (n [2]int) {
				for i := range n {
					var err error
					n[i], err = s.Metric(ctx, fmt.Sprintf("%s-%d", app, i), fmt.Sprintf(`moim_events_handled_total{result="ok",topic=%q}`, topic))
					if err != nil {
						t.Fatal(err)
					}
				}
				return n
			}
			await(ctx, t, "every replica has every broadcast", func() bool {
				n := seen("realtime", "message.log.appended")
				return n[0] > 0 && n[0] == n[1]
			})
			var changes [2]int // Six were in the one room; in the other were two, of whom one left.
			await(ctx, t, "every change of members is with one replica", func() bool {
				changes = seen("message", "chat.member.changed")
				return changes[0]+changes[1] >= 9
			})
			if changes[0]+changes[1] > 9 {
				t.Errorf("the replicas have had %v of 9 events", changes)
			}
			account(t, c)
			if restart == nil {
				return
			}
			err := restart()
			if err != nil {
				t.Fatal(err)
			}
			chat(t, c, "again") // The log has what events don't bring.

			var speakers [2]*client.Session // One to each replica.
			for i := range speakers {
				if speakers[i], err = c.LogIn(t.Context(), fmt.Sprint("again-", i), "correct horse battery"); err != nil {
					t.Fatal(err)
				}
			}
			room, err := speakers[0].CreateRoom(t.Context(), "After the restart", len(speakers))
			if err != nil {
				t.Fatal(err)
			}
			if err := speakers[1].Join(t.Context(), room.ID); err != nil {
				t.Fatal(err)
			}
			ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			before := seen("realtime", "message.log.appended")
			for i, speaker := range speakers {
				m, said := client.NewMember(speaker, room.ID), 0
				go m.Run(ctx)
				go client.Every(ctx, 100*time.Millisecond, func() {
					m.Say(fmt.Sprintf("%d/%d: do you hear me?", i, said))
					said++
				})
			}
			await(ctx, t, "both replicas have broadcasts again", func() bool {
				n := seen("realtime", "message.log.appended")
				return n[0] > before[0] && n[1] > before[1]
			})
		})
	}
}

// resources is a copy of the local Dapr resources.
type resources struct {
	dir string
	t   *testing.T
}

const components = "../../dapr-components"

func local(t *testing.T) *resources {
	r := &resources{dir: t.TempDir(), t: t}
	if err := os.CopyFS(r.dir, os.DirFS(filepath.Join(components, "local"))); err != nil {
		t.Fatal(err)
	}
	return r
}

// secret is the DSN of the stack's own Postgres.
const secret = "the DSN"

// replace puts a file in place of the local one of the same name, with metadata added.
func (r *resources) replace(file string, metadata ...string) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(components, file))
	if err != nil {
		r.t.Fatal(err)
	}
	var component map[string]any
	if err := yaml.Unmarshal(text, &component); err != nil {
		r.t.Fatal(err)
	}
	spec := component["spec"].(map[string]any)
	for i := 0; i < len(metadata); i += 2 {
		items, _ := spec["metadata"].([]any)
		item := map[string]any{"name": metadata[i], "value": metadata[i+1]}
		if metadata[i+1] == secret {
			item = map[string]any{"name": metadata[i], "secretKeyRef": map[string]any{"name": "postgres", "key": "dsn"}}
			component["auth"] = map[string]any{"secretStore": "secrets"}
		}
		spec["metadata"] = append(items, item)
	}
	if text, err = yaml.Marshal(component); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, filepath.Base(file)), text, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func await(ctx context.Context, t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("waiting until %s: %v", what, ctx.Err())
		case <-tick.C:
		}
	}
}
