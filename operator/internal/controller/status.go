package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
)

// state is a platform during one reconciliation.
type state struct {
	*v1alpha1.ChatPlatform
	before *v1alpha1.ChatPlatform // as the API server has it
	wanted []v1alpha1.ObjectReference
	counts map[string]bool // which services are available; nil if nobody looked

	unhealthy string   // the first stage that isn't healthy
	waiting   []string // what is missing, by part
	failures  []string // why it won't come by itself
}

// suspended is the reason for doing nothing.
const suspended = "Suspended"

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

// progress says what the rollout waits for, or why it waits in vain; nil if it is over.
func (s *state) progress() error {
	switch {
	case s.unhealthy == "":
		return nil
	case len(s.failures) > 0:
		return &halt{reason: "RolloutFailed", message: strings.Join(s.failures, "; "), after: retry, failed: true}
	}
	return &halt{reason: "Progressing", message: "rolling out " + s.unhealthy + ": " + strings.Join(s.waiting, "; "), after: time.Minute}
}

// conclude draws the conditions from how the reconciliation ended.
func (s *state) conclude(err error) {
	var stop *halt
	if errors.As(err, &stop) && stop.reason == suspended { // Everything else stays about the spec that was carried out.
		s.set(v1alpha1.ConditionReconciling, false, stop.reason, stop.message)
		return
	}
	s.Status.ObservedGeneration = s.Generation
	if s.counts != nil {
		available := 0
		for _, ok := range s.counts {
			if ok {
				available++
			}
		}
		s.Status.Services = fmt.Sprintf("%d/%d", available, len(build.Services()))
		switch {
		case available == len(s.counts):
			s.set(v1alpha1.ConditionServicesAvailable, true, "Available", "every service has all its replicas")
		case len(s.failures) > 0:
			s.set(v1alpha1.ConditionServicesAvailable, false, "RolloutFailed", strings.Join(s.failures, "; "))
		default:
			s.set(v1alpha1.ConditionServicesAvailable, false, "Progressing", strings.Join(s.waiting, "; "))
		}
	}
	if s.Spec.Ingress == nil {
		s.set(v1alpha1.ConditionIngressReady, true, "NotAsked", "spec.ingress is not set")
	}
	var field *build.FieldError
	switch {
	case err == nil && meta.IsStatusConditionFalse(s.Status.Conditions, v1alpha1.ConditionDaprReady):
		message := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionDaprReady).Message
		s.conditions(false, false, false, "SidecarMissing", message)
	case err == nil:
		s.conditions(true, false, false, "Ready", "everything is there and serves")
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

// writeStatus writes what has changed, if anything has, and tells of it.
func (r *Reconciler) writeStatus(ctx context.Context, s *state) error {
	before := s.before
	if equality.Semantic.DeepEqual(before.Status, s.Status) {
		return nil
	}
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionReady)
	if was == nil {
		was = &metav1.Condition{}
	}
	if err := r.patchStatus(ctx, s); err != nil {
		return client.IgnoreNotFound(err) //nolint:wrapcheck // It says what was written.
	}
	ready := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil || ready.Status == was.Status && ready.Reason == was.Reason && ready.Message == was.Message:
	case ready.Status == metav1.ConditionTrue && before.Status.Version != s.Status.Version:
		r.event(s.ChatPlatform, "Normal", "Ready", "Reconcile", "version "+s.Status.Version+" is rolled out")
	case ready.Status == metav1.ConditionTrue:
		r.event(s.ChatPlatform, "Normal", "Ready", "Reconcile", ready.Message)
	case slices.Contains(warnings, ready.Reason):
		r.event(s.ChatPlatform, "Warning", ready.Reason, "Reconcile", ready.Message)
	}
	return nil
}

// patchStatus writes the status over the one that it was drawn from. It is a conflict when there is another, or another spec, by now.
func (r *Reconciler) patchStatus(ctx context.Context, s *state) error {
	err := r.Status().Patch(ctx, s.ChatPlatform, client.MergeFromWithOptions(s.before, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	s.before = s.DeepCopy()
	r.written.Store(client.ObjectKeyFromObject(s.ChatPlatform), s.ResourceVersion)
	return nil
}

// behind says whether the cache has yet to learn what was written last.
func (r *Reconciler) behind(p *v1alpha1.ChatPlatform) bool {
	written, ok := r.written.Load(client.ObjectKeyFromObject(p))
	if !ok {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(p.ResourceVersion, written.(string))
	return err == nil && order < 0
}
