package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
)

// state is a platform during one reconciliation.
type state struct {
	*v1alpha1.ChatPlatform
	wanted   []v1alpha1.ObjectReference
	counts   map[string]bool // which services are available
	failures []string
}

// halt is a reason to go no further for now that is no fault of the operator's.
type halt struct {
	reason, message string
	after           time.Duration // when to look again, beside what watches tell; 0 for never
	failed          bool          // somebody has to do something
	stalled         bool          // and nothing is done before
}

func (h *halt) Error() string { return h.message }

func (s *state) set(condition string, status bool, reason, message string) {
	value := metav1.ConditionFalse
	if status {
		value = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{
		Type: condition, Status: value, Reason: reason, Message: message, ObservedGeneration: s.Generation,
	})
}

// ingress says whether somebody serves the Ingress. Some controllers never say so, hence Ready doesn't depend on it.
func (s *state) ingress(o *unstructured.Unstructured) {
	addresses, _, _ := unstructured.NestedSlice(o.Object, "status", "loadBalancer", "ingress")
	if len(addresses) == 0 {
		s.set(v1alpha1.ConditionIngressReady, false, "NoAddress", "no ingress controller has given it an address; not all of them do")
		return
	}
	s.set(v1alpha1.ConditionIngressReady, true, "Served", "an ingress controller serves it")
}

// conclude draws the conditions from how the reconciliation ended.
func (s *state) conclude(err error) {
	s.Status.ObservedGeneration = s.Generation
	if s.counts != nil {
		available := 0
		for _, ok := range s.counts {
			if ok {
				available++
			}
		}
		s.Status.Services = fmt.Sprintf("%d/%d", available, len(build.Services()))
		if available == len(s.counts) {
			s.set(v1alpha1.ConditionServicesAvailable, true, "Available", "every service has all its replicas")
		}
	}
	if s.Spec.Ingress == nil {
		s.set(v1alpha1.ConditionIngressReady, true, "NotAsked", "spec.ingress is not set")
	}
	var stop *halt
	var field *build.FieldError
	switch {
	case err == nil && meta.IsStatusConditionFalse(s.Status.Conditions, v1alpha1.ConditionDaprReady):
		message := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionDaprReady).Message
		s.conditions(false, false, false, "SidecarMissing", message)
	case err == nil:
		s.conditions(true, false, false, "Ready", "everything is there and serves")
	case errors.As(err, &stop) && stop.reason == "Suspended":
		s.set(v1alpha1.ConditionReconciling, false, stop.reason, stop.message)
	case errors.As(err, &stop):
		s.conditions(false, !stop.failed && !stop.stalled, stop.stalled, stop.reason, stop.message)
	case errors.As(err, &field):
		s.conditions(false, false, true, "InvalidSpec", field.Error())
	default:
		s.conditions(false, true, false, "Failed", err.Error())
	}
}

func (s *state) conditions(ready, reconciling, stalled bool, reason, message string) {
	s.set(v1alpha1.ConditionReady, ready, reason, message)
	s.set(v1alpha1.ConditionReconciling, reconciling, reason, message)
	s.set(v1alpha1.ConditionStalled, stalled, reason, message)
}

// warnings are the reasons for not being Ready that somebody has to do something about.
var warnings = []string{"RolloutFailed", "InvalidSpec", "SidecarMissing", "SecretNotFound", "SecretLost", "NameTaken"}

// writeStatus writes what has changed, if anything has.
func (r *Reconciler) writeStatus(ctx context.Context, before, after *v1alpha1.ChatPlatform) error {
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return nil
	}
	was := meta.IsStatusConditionTrue(before.Status.Conditions, v1alpha1.ConditionReady)
	ready := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	if err := r.Status().Patch(ctx, after, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("write status: %w", err)
	}
	switch {
	case ready == nil:
	case !was && ready.Status == metav1.ConditionTrue:
		r.event(after, "Normal", "Ready", "Reconcile", "version "+after.Status.Version+" is rolled out")
	case slices.Contains(warnings, ready.Reason):
		r.event(after, "Warning", ready.Reason, "Reconcile", ready.Message)
	}
	return nil
}
