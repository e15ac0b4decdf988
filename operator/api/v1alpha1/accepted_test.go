package v1alpha1_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

func TestServerAccepts(t *testing.T) {
	c := strict(t)
	for name, spec := range map[string]string{
		"no spec at all":                    "",
		"an empty spec":                     "{}",
		"empty strings as templates make":   "{version: '', image: {registry: ''}}",
		"a registry with a port":            "{image: {registry: '172.31.255.2:5000/team/moim', pullPolicy: Always, pullSecrets: [{name: registry}]}}",
		"a service that is stopped":         "{services: {customer: {replicas: 0}}}",
		"autoscaling with only a maximum":   "{services: {realtime: {autoscaling: {maxReplicas: 8}}}}",
		"a host of one label":               "{ingress: {host: localhost}}",
		"a host that looks like an address": "{ingress: {host: 192.0.2.7.nip.example}}",
		"a component of one's own":          "{config: {componentRef: {name: mine}}}",
		"a component without metadata":      "{pubsub: {type: pubsub.redis}}",
		"an empty value":                    "{pubsub: {type: pubsub.redis, metadata: [{name: redisPassword, value: ''}]}}",
		"a type that Moim has no file for":  "{pubsub: {type: pubsub.azure.servicebus.topics, version: v1}}",
		"settings":                          "{settings: {signup: {mode: strict, timeout: 1m30s}, limits: {requestsPerUser: 100, requestsPerAddress: 200, signupsPerAddress: 5, loginsPerAddress: 30, framesPerConnection: 1}}}",
		"the shortest timeout":              "{settings: {signup: {timeout: 1000ms}}}",
		"peers of any namespace":            "{networkPolicy: {ingressFrom: [{namespaceSelector: {}}, {podSelector: {matchLabels: {a: b}}}]}}",
		"a whole pod template": `
services:
  chat:
    podTemplate:
      metadata: {annotations: {a: b}}
      spec: {nodeSelector: {disk: fast}, containers: [{name: chat, volumeMounts: [{name: v, mountPath: /v}]}]}`,
		"resources and environment of Kubernetes' own": `
services:
  chat:
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
    env: [{name: A, value: b}, {name: C, valueFrom: {secretKeyRef: {name: s, key: k}}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			p := platform(t, "demo", spec)
			if err := c.Create(t.Context(), p, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			// One that the operator can't read would keep it from reading any.
			encoded, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(encoded, &v1alpha1.ChatPlatform{}); err != nil {
				t.Errorf("the operator can't read it: %v", err)
			}
		})
	}
}

func TestServerSetsNoDefaultsButThoseOfAutoscaling(t *testing.T) {
	c := strict(t)
	for name, test := range map[string]struct {
		spec string
		want map[string]any
	}{
		"no spec at all": {"", nil},
		"an empty spec":  {"{}", map[string]any{}},
		"autoscaling": {"{services: {chat: {autoscaling: {maxReplicas: 8}}}}", map[string]any{"services": map[string]any{"chat": map[string]any{
			"autoscaling": map[string]any{"minReplicas": int64(1), "maxReplicas": int64(8), "targetCPU": int64(70)},
		}}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := platform(t, "demo", test.spec)
			if err := c.Create(t.Context(), p, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			got, _, err := unstructured.NestedMap(p.Object, "spec")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}
