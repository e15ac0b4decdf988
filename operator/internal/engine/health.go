package engine

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Health says whether an object does what it is for, and what is missing if not. Only workloads take time; anything else is healthy when
// it is there. Of one that is autoscaled as many replicas as its bounds ask for are enough; more may come and go at any time.
func Health(o *unstructured.Unstructured, autoscaled *Bounds) (healthy bool, missing string) {
	if !IsWorkload(o) {
		return true, ""
	}
	wanted := replicas(o)
	observed, _ := number64(o, "status", "observedGeneration")
	replicas, _ := number64(o, "status", "replicas")
	updated, _ := number64(o, "status", "updatedReplicas")
	available, _ := number64(o, "status", "availableReplicas")
	enough, old := wanted, replicas-wanted
	if autoscaled != nil {
		enough, old = autoscaled.Min, replicas-updated
	}
	switch {
	case observed < o.GetGeneration() || o.GetGeneration() == 0:
		return false, "waiting for the cluster to begin the rollout"
	case updated < enough:
		return false, fmt.Sprintf("%d of %d replicas are updated", updated, enough)
	case old > 0:
		return false, fmt.Sprintf("%d old replicas are still there", old)
	case available < enough:
		return false, fmt.Sprintf("%d of %d replicas are available", available, enough)
	}
	return true, ""
}

// Failure says why a Deployment doesn't get its pods, in the cluster's own words; empty when it may yet. A StatefulSet has none.
func Failure(o *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	var late string
	for _, condition := range conditions {
		c, _ := condition.(map[string]any)
		message, _ := c["message"].(string)
		switch {
		case c["type"] == "ReplicaFailure" && c["status"] == "True":
			return message
		case c["type"] == "Progressing" && c["status"] == "False" && c["reason"] == "ProgressDeadlineExceeded":
			late = message
		}
	}
	return late
}

func number64(o *unstructured.Unstructured, fields ...string) (int64, bool) {
	n, found, err := unstructured.NestedInt64(o.Object, fields...)
	return n, found && err == nil
}
