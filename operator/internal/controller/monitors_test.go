package controller

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"moim.dev/moim/operator/api/v1alpha1"
)

// serviceMonitors is as much of the Prometheus Operator as matters here.
const serviceMonitors = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  names: {kind: ServiceMonitor, plural: servicemonitors}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// monitorsWhereThereAreMonitors: the API may come later than the platform, and what is made of it is looked after as all else.
func monitorsWhereThereAreMonitors(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Observability: v1alpha1.ObservabilitySpec{ServiceMonitors: true}})
	c.ready(t, p)
	definition := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(serviceMonitors), &definition.Object); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), definition); err != nil {
		t.Fatal(err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(monitor)
	c.eventually(t, "served", func() bool { return c.List(t.Context(), list) == nil }, func() string { return "" })
	all := func(n int) func() bool {
		return func() bool {
			if err := c.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
				t.Fatal(err)
			}
			return len(list.Items) == n
		}
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Services.Chat.Replicas = new(int32(2)) }) // Sooner than it looks again.
	c.await(t, p, "with monitors", all(7))
	c.idle(t, p)
	if err := c.Delete(t.Context(), &list.Items[0]); err != nil {
		t.Fatal(err)
	}
	c.eventually(t, "healed", all(7), func() string { return describe(p) })
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Observability.ServiceMonitors = false })
	c.await(t, p, "without monitors", all(0))
}
