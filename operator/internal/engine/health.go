package engine

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Health says whether an object does what it is for, and what is missing if not. Only workloads take time; anything else is healthy when
// it is there.
func Health(o *unstructured.Unstructured) (healthy bool, missing string) {
	if !IsWorkload(o) {
		return true, ""
	}
	wanted, found := number64(o, "spec", "replicas")
	if !found {
		wanted = 1
	}
	observed, _ := number64(o, "status", "observedGeneration")
	replicas, _ := number64(o, "status", "replicas")
	updated, _ := number64(o, "status", "updatedReplicas")
	available, _ := number64(o, "status", "availableReplicas")
	switch {
	case observed < o.GetGeneration() || o.GetGeneration() == 0:
		return false, "waiting for the cluster to begin the rollout"
	case updated < wanted:
		return false, fmt.Sprintf("%d of %d replicas are updated", updated, wanted)
	case replicas > wanted:
		return false, fmt.Sprintf("%d old replicas are still there", replicas-wanted)
	case available < wanted:
		return false, fmt.Sprintf("%d of %d replicas are available", available, wanted)
	}
	return true, ""
}

func number64(o *unstructured.Unstructured, fields ...string) (int64, bool) {
	n, found, err := unstructured.NestedInt64(o.Object, fields...)
	return n, found && err == nil
}
