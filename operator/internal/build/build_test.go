package build

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"moim.dev/moim/operator/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// inputs are the same at each call: what would be random counts up.
func inputs() Inputs {
	var n byte
	return Inputs{
		Version: "0.1.0", Registry: "registry.example.com/moim", RedisImage: "redis:7", PostgresImage: "postgres:15",
		Database: map[string][]byte{"dsn": []byte("postgres://moim:secret@db.example.com/moim")},
		Random:   func(size int) []byte { n++; return bytes.Repeat([]byte{n}, size) },
	}
}

func platform(name string, spec v1alpha1.ChatPlatformSpec) *v1alpha1.ChatPlatform {
	return &v1alpha1.ChatPlatform{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "talk", UID: "8f7ad4a0-1d4e-4f5c-9d0e-3a1f0d6a3b11"}, Spec: spec}
}

// component is one of a type with an address.
func component(kind, name, value string) *v1alpha1.ComponentSpec {
	return &v1alpha1.ComponentSpec{Type: kind, Metadata: []v1alpha1.MetadataItem{{Name: name, Value: &value}}}
}

var specs = map[string]v1alpha1.ChatPlatformSpec{
	"minimal": {},
	"external": {
		PubSub: component("pubsub.rabbitmq", "connectionString", "amqp://rabbitmq"), Fanout: component("pubsub.rabbitmq", "connectionString", "amqp://rabbitmq"),
		State:    &v1alpha1.ComponentSpec{Type: "state.postgresql", Version: "v2", Metadata: []v1alpha1.MetadataItem{{Name: "connectionString", SecretKeyRef: &v1alpha1.SecretKeyRef{Name: "state", Key: "dsn"}}}},
		Lock:     &v1alpha1.ComponentSpec{ComponentRef: &corev1.LocalObjectReference{Name: "our-lock"}},
		Config:   component("configuration.redis", "redisHost", "redis:6379"),
		Database: &v1alpha1.DatabaseSpec{SecretRef: corev1.LocalObjectReference{Name: "database"}},
	},
	"everything": {
		Version: "1.2.3",
		Image:   v1alpha1.ImageSpec{Registry: "images.example.com/x", PullPolicy: corev1.PullAlways, PullSecrets: []corev1.LocalObjectReference{{Name: "pull"}}},
		Services: v1alpha1.ServicesSpec{
			Realtime: v1alpha1.ServiceSpec{Autoscaling: &v1alpha1.AutoscalingSpec{MinReplicas: 2, MaxReplicas: 9, TargetCPU: 60}},
			Gateway:  v1alpha1.ServiceSpec{Replicas: new(int32(2)), Env: []corev1.EnvVar{{Name: "MOIM_LOG_LEVEL", Value: "debug"}, {Name: "MOIM_DRAIN_DELAY", Value: "9s"}}},
			Chat:     v1alpha1.ServiceSpec{PodTemplate: &runtime.RawExtension{Raw: []byte(`{"metadata":{"annotations":{"team":"chat"}},"spec":{"priorityClassName":"high","containers":[{"name":"chat","workingDir":"/tmp"}]}}`)}},
			User:     v1alpha1.ServiceSpec{Resources: &corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}},
		},
		Ingress: &v1alpha1.IngressSpec{
			Host: "chat.example.com", ClassName: new("nginx"), TLS: &v1alpha1.IngressTLS{SecretName: "chat-tls"}, Annotations: map[string]string{"cert-manager.io/cluster-issuer": "ours"},
		},
		Settings: &v1alpha1.SettingsSpec{
			Signup: &v1alpha1.SignupSettings{Mode: "strict"}, Limits: &v1alpha1.LimitSettings{RequestsPerUser: new(int32(50))},
		},
		Observability: v1alpha1.ObservabilitySpec{Tracing: &v1alpha1.TracingSpec{Endpoint: "http://collector.observability:4318"}, ServiceMonitors: true},
		NetworkPolicy: v1alpha1.NetworkPolicySpec{IngressFrom: []v1alpha1.NetworkPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "ingress"}}}}},
		Trial:         v1alpha1.TrialSpec{DeletionPolicy: v1alpha1.Delete, StorageSize: new(resource.MustParse("5Gi")), StorageClassName: new("fast")},
	},
}

func build(t *testing.T, p *v1alpha1.ChatPlatform, in Inputs) []Stage {
	t.Helper()
	stages, err := Build(p, in)
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

// TestGolden compares everything that is built with what was agreed on, the pod templates among it: a change there restarts every pod
// of every platform when the operator is upgraded.
func TestGolden(t *testing.T) {
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			in := inputs()
			in.ServiceMonitors = true
			var got bytes.Buffer
			for _, stage := range build(t, platform("demo", spec), in) {
				got.WriteString("# " + stage.Name + "\n")
				for _, object := range stage.Objects {
					write(t, &got, object)
				}
			}
			golden(t, name, got.Bytes())
		})
	}
}

func write(t *testing.T, to *bytes.Buffer, object any) {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	to.WriteString("---\n" + string(text))
}

// golden compares with testdata/<name>.yaml, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("built something else; go test ./operator/internal/build -update, if it is meant (-want +got):\n%s", diff)
	}
}

func TestNothingCollides(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"demo", "demo-2", "demo-auth", "other"} {
		for _, stage := range build(t, platform(name, specs["everything"]), inputs()) {
			for _, object := range stage.Objects {
				id := object.GetObjectKind().GroupVersionKind().String() + " " + object.GetName()
				if before, ok := seen[id]; ok {
					t.Errorf("%s is both %s's and %s's", id, before, name)
				}
				seen[id] = name
			}
		}
	}
}

func TestSecretsStay(t *testing.T) {
	first, in := secretData(build(t, platform("demo", v1alpha1.ChatPlatformSpec{}), inputs())), inputs()
	in.Generated = first
	in.Random = func(int) []byte { t.Error("a secret was made anew"); return make([]byte, 32) }
	again := secretData(build(t, platform("demo", v1alpha1.ChatPlatformSpec{}), in))
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("they changed:\n%s", diff)
	}
	for _, name := range SecretNames(platform("demo", v1alpha1.ChatPlatformSpec{})) {
		if _, ok := first[name]; !ok {
			t.Errorf("SecretNames has %s, which is not built", name)
		}
	}
}

// TestWhatIsKept: with the trial data go the passwords that open it, but never what opens a database of the user's own.
func TestWhatIsKept(t *testing.T) {
	all := func(spec v1alpha1.ChatPlatformSpec) []string {
		var kept []string
		for _, stage := range build(t, platform("demo", spec), inputs()) {
			for _, object := range stage.Objects {
				if len(object.GetOwnerReferences()) == 0 {
					kept = append(kept, object.GetObjectKind().GroupVersionKind().Kind+" "+object.GetName())
				}
			}
		}
		return kept
	}
	external := &v1alpha1.DatabaseSpec{SecretRef: corev1.LocalObjectReference{Name: "database"}}
	for name, c := range map[string]struct {
		spec v1alpha1.ChatPlatformSpec
		want []string
	}{
		"by default, every Secret": {v1alpha1.ChatPlatformSpec{}, []string{
			"Secret demo-auth-token", "Secret demo-auth", "Secret demo-user-token", "Secret demo-user", "Secret demo-customer-token",
			"Secret demo-customer", "Secret demo-chat-token", "Secret demo-chat", "Secret demo-message-token", "Secret demo-message",
			"Secret demo-gateway-token", "Secret demo-realtime-token", "Secret demo-postgres", "Secret demo-redis",
		}},
		"nothing when trial data is to be deleted": {v1alpha1.ChatPlatformSpec{Trial: v1alpha1.TrialSpec{DeletionPolicy: v1alpha1.Delete}}, nil},
		"what auth sealed its keys with, in another database": {
			v1alpha1.ChatPlatformSpec{Trial: v1alpha1.TrialSpec{DeletionPolicy: v1alpha1.Delete}, Database: external}, []string{"Secret demo-auth"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, all(c.spec)); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}

func secretData(stages []Stage) map[string]map[string][]byte {
	out := map[string]map[string][]byte{}
	for _, object := range stages[0].Objects {
		if s, ok := object.(*corev1.Secret); ok {
			out[s.Name] = s.Data
		}
	}
	return out
}

func TestVersion(t *testing.T) {
	p := platform("demo", v1alpha1.ChatPlatformSpec{})
	for _, c := range []struct{ spec, status, want string }{{"", "", "0.1.0"}, {"", "0.0.9", "0.0.9"}, {"0.2.0", "0.0.9", "0.2.0"}} {
		p.Spec.Version, p.Status.Version = c.spec, c.status
		if got := Version(p, inputs()); got != c.want {
			t.Errorf("spec %q, status %q: %s, want %s", c.spec, c.status, got, c.want)
		}
	}
}

func TestField(t *testing.T) {
	got := map[string]string{}
	p := platform("demo", specs["everything"])
	p.Spec.PubSub = component("pubsub.kafka", "brokers", "kafka:9092")
	in := inputs()
	in.ServiceMonitors = true
	for _, stage := range build(t, p, in) {
		for _, object := range stage.Objects {
			got[object.GetObjectKind().GroupVersionKind().Kind+" "+object.GetName()] = Field(p, object)
		}
	}
	for object, want := range map[string]string{
		"Deployment demo-chat": "spec.services.chat", "HorizontalPodAutoscaler demo-realtime": "spec.services.realtime",
		"StatefulSet demo-redis": "spec.trial", "Ingress demo-ingress": "spec.ingress", "NetworkPolicy demo-chat": "spec.networkPolicy",
		"ServiceMonitor demo-chat": "spec.observability", "Component demo-events": "spec.pubsub", "Component demo-state": "spec", "ConfigMap demo-settings": "spec",
	} {
		if got[object] != want {
			t.Errorf("%s comes of %q, want %s", object, got[object], want)
		}
	}
}

func TestFieldErrors(t *testing.T) {
	for name, c := range map[string]struct {
		spec  v1alpha1.ChatPlatformSpec
		field string
	}{
		"a patch that is none": {v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
			Chat: v1alpha1.ServiceSpec{PodTemplate: &runtime.RawExtension{Raw: []byte(`{"spec":{"containers":"none"}}`)}},
		}}, "spec.services.chat.podTemplate"},
		"a patch with a field that pods don't have": {v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
			Chat: v1alpha1.ServiceSpec{PodTemplate: &runtime.RawExtension{Raw: []byte(`{"spec":{"tolerashuns":[]}}`)}},
		}}, "spec.services.chat.podTemplate"},
		"a patch that takes away the service": {v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
			Chat: v1alpha1.ServiceSpec{PodTemplate: &runtime.RawExtension{Raw: []byte(`{"spec":{"containers":[{"name":"chat","$patch":"delete"}]}}`)}},
		}}, "spec.services.chat.podTemplate"},
		"a patch of a label that pods are found by": {v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
			Chat: v1alpha1.ServiceSpec{PodTemplate: &runtime.RawExtension{Raw: []byte(`{"metadata":{"labels":{"app.kubernetes.io/name":"ours"}}}`)}},
		}}, "spec.services.chat.podTemplate"},
		"an autoscaler of pods that request no CPU": {v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
			Realtime: v1alpha1.ServiceSpec{
				Autoscaling: &v1alpha1.AutoscalingSpec{MinReplicas: 1, MaxReplicas: 2, TargetCPU: 70},
				Resources:   &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}},
			},
		}}, "spec.services.realtime.resources"},
		"a database Secret without a DSN": {v1alpha1.ChatPlatformSpec{
			Database: &v1alpha1.DatabaseSpec{SecretRef: corev1.LocalObjectReference{Name: "database"}},
		}, "spec.database.secretRef"},
	} {
		t.Run(name, func(t *testing.T) {
			in := inputs()
			in.Database = map[string][]byte{"url": nil}
			_, err := Build(platform("demo", c.spec), in)
			var field *FieldError
			if !errors.As(err, &field) || field.Field != c.field {
				t.Errorf("error %v, want one about %s", err, c.field)
			}
		})
	}
}
