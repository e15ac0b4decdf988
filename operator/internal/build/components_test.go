package build

import (
	"bytes"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"moim.dev/moim/operator/api/v1alpha1"
)

// TestComponentsGolden compares the Components of brokers and stores, which is all that differs with them.
func TestComponentsGolden(t *testing.T) {
	for name, spec := range map[string]v1alpha1.ChatPlatformSpec{
		"kafka":     {PubSub: component("pubsub.kafka", "brokers", "kafka:9092"), Fanout: component("pubsub.kafka", "brokers", "kafka:9092")},
		"rabbitmq":  {PubSub: component("pubsub.rabbitmq", "connectionString", "amqp://r"), Fanout: component("pubsub.rabbitmq", "connectionString", "amqp://r")},
		"jetstream": {Fanout: component("pubsub.jetstream", "natsURL", "nats://nats:4222")},
		"redis": {
			PubSub: component("pubsub.redis", "redisHost", "redis:6379"), Fanout: component("pubsub.redis", "redisHost", "redis:6379"),
			State: component("state.redis", "redisHost", "redis:6379"), Lock: component("lock.redis", "redisHost", "redis:6379"),
			Config: component("configuration.redis", "redisHost", "redis:6379"),
		},
		"postgresql": {State: component("state.postgresql", "connectionString", "host=db"), Config: component("configuration.postgresql", "connectionString", "host=db")},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			for _, c := range components(t, spec) {
				write(t, &got, c)
			}
			golden(t, "components-"+name, got.Bytes())
		})
	}
}

// TestStateIsShared: auth ends a session in the state store, and everybody looks for it there. By default Dapr puts the app id before keys.
func TestStateIsShared(t *testing.T) {
	for name, c := range map[string]struct {
		spec *v1alpha1.ComponentSpec
		want string
	}{
		"the trial Redis": {nil, "none"},
		"a type that the platform has a definition of": {component("state.postgresql", "connectionString", "host=db"), "none"},
		"a type that it has none of":                   {component("state.cassandra", "hosts", "cassandra"), "none"},
		"a prefix of the user's own":                   {component("state.redis", "keyPrefix", "talk"), "talk"},
		"a prefix in other letters":                    {component("state.redis", "KeyPrefix", "talk"), "talk"},
	} {
		t.Run(name, func(t *testing.T) {
			var prefixes []any
			for _, object := range components(t, v1alpha1.ChatPlatformSpec{State: c.spec}) {
				items, _, err := unstructured.NestedSlice(object.Object, "spec", "metadata")
				if err != nil {
					t.Fatal(err)
				}
				for _, item := range items {
					if fields := item.(map[string]any); fields["name"] == "keyPrefix" || fields["name"] == "KeyPrefix" {
						prefixes = append(prefixes, fields["value"])
					}
				}
			}
			if len(prefixes) != 1 || prefixes[0] != c.want {
				t.Errorf("prefixes %v, want %s", prefixes, c.want)
			}
		})
	}
}

func components(t *testing.T, spec v1alpha1.ChatPlatformSpec) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, object := range build(t, platform("demo", spec), inputs())[0].Objects {
		if c, ok := object.(*unstructured.Unstructured); ok && c.GetKind() == "Component" {
			out = append(out, c)
		}
	}
	return out
}
