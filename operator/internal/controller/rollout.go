package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
	"moim.dev/moim/operator/internal/engine"
)

// plan has every object judged before the first is written. What the API server refuses is an error of the spec.
func (r *Reconciler) plan(ctx context.Context, p *v1alpha1.ChatPlatform, stages []build.Stage) ([][]*engine.Plan, error) {
	plans := make([][]*engine.Plan, len(stages))
	for i, stage := range stages {
		for _, object := range stage.Objects {
			plan, err := r.engine.Plan(ctx, object)
			if apierrors.IsInvalid(err) {
				return nil, &build.FieldError{Field: build.Field(p, object), Message: "the cluster refuses what comes of it: " + err.Error()}
			}
			if errors.Is(err, engine.ErrTaken) {
				return nil, taken(object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), p.Name)
			}
			if err != nil {
				return nil, fmt.Errorf("stage %s: %w", stage.Name, err)
			}
			plans[i] = append(plans[i], plan)
		}
	}
	return plans, nil
}

// taken is about an object that somebody else has made.
func taken(kind, name, platform string) error {
	return &halt{reason: "NameTaken", stalled: true, after: retry, message: fmt.Sprintf(
		"%s %s is there and not the platform's: delete it, or give it the label %s=%s if it is to be the platform's", kind, name, build.LabelPlatform, platform)}
}

// rollOut applies stage after stage: each when everything of those before it is healthy. It returns what it changed, also with an error.
func (r *Reconciler) rollOut(ctx context.Context, s *state, stages []build.Stage) (changed []string, err error) {
	plans, err := r.plan(ctx, s.ChatPlatform, stages)
	if err != nil {
		return nil, err
	}
	s.wanted = inventory(stages)
	// What is about to be made is on record before it is there.
	s.Status.Inventory = union(s.Status.Inventory, s.wanted)
	s.counts = map[string]bool{}
	for _, name := range build.Services() {
		s.counts[name] = false
	}
	if err := r.freeReplicas(ctx, s); err != nil {
		return nil, err
	}
	for i, stage := range stages {
		var waiting []string
		for _, plan := range plans[i] {
			bounds := bounds(s.ChatPlatform, plan.Object())
			if bounds != nil {
				if err := r.engine.HandOver(ctx, plan, *bounds); err != nil {
					return changed, err //nolint:wrapcheck // It says what was done.
				}
			}
			applied, err := r.engine.Apply(ctx, plan)
			if err != nil {
				return changed, fmt.Errorf("stage %s: %w", stage.Name, err)
			}
			if plan.Change != engine.Unchanged {
				changed = append(changed, fmt.Sprintf("%s %s %s", plan.Change, applied.GetKind(), applied.GetName()))
			}
			healthy, missing := engine.Health(applied, bounds)
			part := applied.GetLabels()[build.LabelService]
			if engine.IsWorkload(applied) {
				if _, isService := s.counts[part]; isService {
					s.counts[part] = healthy
				}
			}
			if healthy {
				if applied.GetKind() == "Ingress" {
					s.ingress(applied)
				}
				continue
			}
			reason, err := r.podFailure(ctx, s.ChatPlatform, part)
			if err != nil {
				return changed, err
			}
			if reason != "" {
				s.failures = append(s.failures, part+": "+reason)
			}
			waiting = append(waiting, part+": "+missing)
		}
		if len(waiting) > 0 {
			return changed, s.unhealthy(stage.Name, waiting)
		}
	}
	return changed, nil
}

// freeReplicas removes autoscalers that aren't wanted any more, before the number that they set is set by the operator: two would undo each
// other's.
func (r *Reconciler) freeReplicas(ctx context.Context, s *state) error {
	for _, ref := range s.Status.Inventory {
		if ref.Kind == "HorizontalPodAutoscaler" && !slices.Contains(s.wanted, ref) {
			if err := r.discard(ctx, s.ChatPlatform, ref); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds of a workload that is autoscaled; nil for anything else.
func bounds(p *v1alpha1.ChatPlatform, o *unstructured.Unstructured) *engine.Bounds {
	scaling := build.Autoscaling(p, o.GetLabels()[build.LabelService])
	if scaling == nil || !engine.IsWorkload(o) {
		return nil
	}
	return &engine.Bounds{Min: int64(scaling.MinReplicas), Max: int64(scaling.MaxReplicas)}
}

// unhealthy says what a stage waits for, or why it waits in vain.
func (s *state) unhealthy(stage string, waiting []string) error {
	if len(s.failures) > 0 {
		message := strings.Join(s.failures, "; ")
		s.set(v1alpha1.ConditionServicesAvailable, false, "RolloutFailed", message)
		return &halt{reason: "RolloutFailed", message: message, after: retry, failed: true}
	}
	message := strings.Join(waiting, "; ")
	s.set(v1alpha1.ConditionServicesAvailable, false, "Progressing", message)
	return &halt{reason: "Progressing", message: "rolling out " + stage + ": " + message, after: time.Minute}
}

// prune removes what was made before and is not wanted any more.
func (r *Reconciler) prune(ctx context.Context, s *state) error {
	kept := s.wanted
	for _, ref := range s.Status.Inventory {
		if slices.Contains(s.wanted, ref) {
			continue
		}
		// Passwords stay with the volumes that they open.
		if ref.Kind == "Secret" && s.Spec.Trial.DeletionPolicy != v1alpha1.Delete {
			kept = append(kept, ref)
			continue
		}
		if err := r.discard(ctx, s.ChatPlatform, ref); err != nil {
			return err
		}
	}
	s.Status.Inventory = kept
	return nil
}

// discard deletes an object if it is still the platform's.
func (r *Reconciler) discard(ctx context.Context, p *v1alpha1.ChatPlatform, ref v1alpha1.ObjectReference) error {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(ref.Version)
	if ref.Group != "" {
		object.SetAPIVersion(ref.Group + "/" + ref.Version)
	}
	object.SetKind(ref.Kind)
	object.SetNamespace(p.Namespace)
	object.SetName(ref.Name)
	found, err := r.engine.Ours(ctx, object, map[string]string{build.LabelManagedBy: build.ManagedBy, build.LabelPlatform: p.Name})
	if err != nil || !found {
		return err //nolint:wrapcheck // It says what was read.
	}
	deleted, err := r.engine.Delete(ctx, object)
	if deleted {
		r.event(p, "Normal", "Pruned", "Delete", fmt.Sprintf("deleted %s %s", ref.Kind, ref.Name))
	}
	return err //nolint:wrapcheck // It says what was deleted.
}

func inventory(stages []build.Stage) []v1alpha1.ObjectReference {
	var out []v1alpha1.ObjectReference
	for _, stage := range stages {
		for _, object := range stage.Objects {
			kind := object.GetObjectKind().GroupVersionKind()
			out = append(out, v1alpha1.ObjectReference{Group: kind.Group, Version: kind.Version, Kind: kind.Kind, Name: object.GetName()})
		}
	}
	return out
}

// union is a, and what b has beyond it.
func union(a, b []v1alpha1.ObjectReference) []v1alpha1.ObjectReference {
	out := slices.Clone(a)
	for _, ref := range b {
		if !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	return out
}

// summary of many changes is short: the first few, and how many more.
func summary(changes []string) string {
	const most = 8
	if len(changes) <= most {
		return strings.Join(changes, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(changes[:most], ", "), len(changes)-most)
}
