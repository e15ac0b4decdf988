package engine

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Bounds are what an autoscaler keeps a number of replicas between.
type Bounds struct{ Min, Max int64 }

// HandOver has a workload go on with its replicas, within bounds, when the plan doesn't name their number any more: what the field manager
// alone has set would go back to the default. Nor does an autoscaler ever begin with a workload that was scaled to nothing.
func (e *Engine) HandOver(ctx context.Context, p *Plan, bounds Bounds) error {
	if p.live == nil {
		return nil
	}
	n := replicas(p.live)
	if n > 0 && (p.Change == Unchanged || !e.owns(p.live, "f:spec", "f:replicas")) {
		return nil
	}
	set := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"replicas": min(max(n, bounds.Min), bounds.Max)}}}
	set.SetGroupVersionKind(p.live.GroupVersionKind())
	set.SetNamespace(p.live.GetNamespace())
	set.SetName(p.live.GetName())
	err := e.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(set), client.FieldOwner(e.Manager+"-replicas"), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("hand over the replicas of %s: %w", describe(p.live), err)
	}
	p.live = set
	return nil
}

// owns says whether the field manager has set a field.
func (e *Engine) owns(o *unstructured.Unstructured, path ...string) bool {
	for _, entry := range o.GetManagedFields() {
		if entry.Manager != e.Manager || entry.Operation != metav1.ManagedFieldsOperationApply || entry.FieldsV1 == nil {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
			return false
		}
		_, found, _ := unstructured.NestedFieldNoCopy(fields, path...)
		return found
	}
	return false
}

// replicas that are wanted.
func replicas(o *unstructured.Unstructured) int64 {
	if n, found := number64(o, "spec", "replicas"); found {
		return n
	}
	return 1
}
