package build

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// templates are the pod templates by the workload's name.
func templates(t *testing.T, p *v1alpha1.ChatPlatform, in Inputs) map[string]corev1.PodTemplateSpec {
	t.Helper()
	out := map[string]corev1.PodTemplateSpec{}
	for _, stage := range build(t, p, in) {
		for _, object := range stage.Objects {
			switch object := object.(type) {
			case *appsv1.Deployment:
				out[object.Name] = object.Spec.Template
			case *appsv1.StatefulSet:
				out[object.Name] = object.Spec.Template
			}
		}
	}
	return out
}

// TestWhatRestarts holds what the documentation says of each change against the pods that would be replaced.
func TestWhatRestarts(t *testing.T) {
	services := []string{"demo-auth", "demo-chat", "demo-customer", "demo-gateway", "demo-message", "demo-realtime", "demo-user"}
	database := &v1alpha1.DatabaseSpec{SecretRef: corev1.LocalObjectReference{Name: "database"}}
	for name, c := range map[string]struct {
		from, to v1alpha1.ChatPlatformSpec
		inputs   func(*Inputs)
		want     []string
	}{
		"an upgrade of the operator": {inputs: func(in *Inputs) { in.Version = "0.2.0" }},
		"settings": {to: v1alpha1.ChatPlatformSpec{Settings: &v1alpha1.SettingsSpec{
			Signup: &v1alpha1.SignupSettings{Mode: "strict"}, Limits: &v1alpha1.LimitSettings{RequestsPerUser: new(int32(1))},
		}}},
		"replicas":         {to: v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{Realtime: v1alpha1.ServiceSpec{Replicas: new(int32(3))}}}},
		"network policies": {to: v1alpha1.ChatPlatformSpec{NetworkPolicy: v1alpha1.NetworkPolicySpec{Enabled: new(false)}}},
		"monitors":         {to: v1alpha1.ChatPlatformSpec{Observability: v1alpha1.ObservabilitySpec{ServiceMonitors: true}}},
		"the type of a store": {to: v1alpha1.ChatPlatformSpec{
			State: component("state.mongodb", "server", "example.com"), PubSub: component("pubsub.kafka", "brokers", "kafka:9092"),
		}},
		"the host of the ingress": {
			from: v1alpha1.ChatPlatformSpec{Ingress: &v1alpha1.IngressSpec{Host: "a.example.com"}},
			to:   v1alpha1.ChatPlatformSpec{Ingress: &v1alpha1.IngressSpec{Host: "b.example.com"}},
		},
		"data in a Secret that nobody reads": {inputs: func(in *Inputs) {
			in.Generated["demo-auth"]["note"], in.Generated["demo-chat-token"]["note"] = []byte("ours"), []byte("ours")
		}},
		"whether there is an ingress": {to: v1alpha1.ChatPlatformSpec{Ingress: &v1alpha1.IngressSpec{Host: "a.example.com"}}, want: []string{"demo-gateway"}},
		"an autoscaler": {to: v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
			Chat: v1alpha1.ServiceSpec{Autoscaling: &v1alpha1.AutoscalingSpec{MinReplicas: 1, MaxReplicas: 2, TargetCPU: 70}},
		}}, want: []string{"demo-chat"}},
		"the environment of a service": {to: v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
			User: v1alpha1.ServiceSpec{Env: []corev1.EnvVar{{Name: "MOIM_LOG_LEVEL", Value: "debug"}}},
		}}, want: []string{"demo-user"}},
		"a token": {inputs: func(in *Inputs) { in.Generated["demo-chat-token"]["token"] = []byte("another") }, want: []string{"demo-chat"}},
		"what auth seals its keys with": {
			inputs: func(in *Inputs) { in.Generated["demo-auth"]["keySecret"] = []byte("another") }, want: []string{"demo-auth"},
		},
		"a database of one service's": {
			from: v1alpha1.ChatPlatformSpec{Database: database}, to: v1alpha1.ChatPlatformSpec{Database: database},
			inputs: func(in *Inputs) { in.Database["message"] = []byte("postgres://messages.example.com/moim") }, want: []string{"demo-message"},
		},
		"a state store of the user's own": {
			to: v1alpha1.ChatPlatformSpec{State: &v1alpha1.ComponentSpec{ComponentRef: &corev1.LocalObjectReference{Name: "ours"}}}, want: services,
		},
		"tracing": {to: v1alpha1.ChatPlatformSpec{Observability: v1alpha1.ObservabilitySpec{
			Tracing: &v1alpha1.TracingSpec{Endpoint: "https://collector.example.com:4318"},
		}}, want: services},
		"the version": {to: v1alpha1.ChatPlatformSpec{Version: "0.3.0"}, want: services},
	} {
		t.Run(name, func(t *testing.T) {
			p := platform("demo", c.from)
			p.Status.Version = "0.1.0"
			in := inputs()
			in.Generated = secretData(build(t, p, in))
			before := templates(t, p, in)
			p.Spec = c.to
			if c.inputs != nil {
				c.inputs(&in)
			}
			after := templates(t, p, in)
			var got []string
			for _, workload := range slices.Sorted(maps.Keys(after)) {
				if !cmp.Equal(before[workload], after[workload]) {
					got = append(got, workload)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("restarted (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatRestartsAtOnce: every sidecar starts anew when a Configuration changes, whether its pod is replaced or not.
func TestWhatRestartsAtOnce(t *testing.T) {
	configurations := func(spec v1alpha1.ChatPlatformSpec) (all []client.Object) {
		for _, stage := range build(t, platform("demo", spec), inputs()) {
			for _, object := range stage.Objects {
				if object.GetObjectKind().GroupVersionKind().Kind == "Configuration" {
					all = append(all, object)
				}
			}
		}
		return all
	}
	if diff := cmp.Diff(configurations(v1alpha1.ChatPlatformSpec{}), configurations(specs["everything"])); diff != "" {
		t.Errorf("the spec has a part in them:\n%s", diff)
	}
}
