package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

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

// rollOut brings the stages about, one after the other: while something in one isn't healthy, those after it get no new pods. All else is made
// as it is wanted at once. It returns what it changed, also with an error.
func (r *Reconciler) rollOut(ctx context.Context, s *state, stages []build.Stage) (changed []string, err error) {
	plans, err := r.plan(ctx, s.ChatPlatform, stages)
	if err != nil {
		return nil, err
	}
	s.wanted = inventory(stages)
	if err := r.record(ctx, s); err != nil {
		return nil, err
	}
	if err := r.freeReplicas(ctx, s); err != nil {
		return nil, err
	}
	counts := map[string]bool{}
	for _, name := range build.Services() {
		counts[name] = false
	}
	for i, stage := range stages {
		held, hold := map[string]bool{}, s.unhealthy != ""
		for _, plan := range plans[i] {
			part := plan.Object().GetLabels()[build.LabelService]
			bounds := bounds(s.ChatPlatform, plan.Object())
			var live *unstructured.Unstructured
			if hold && (plan.StartsPods() || held[part] && plan.Object().GetKind() == autoscaler) {
				held[part], live = true, plan.Live()
			} else {
				if live, err = r.carryOut(ctx, plan, bounds); err != nil {
					return changed, err
				}
				if plan.Change != engine.Unchanged {
					changed = append(changed, fmt.Sprintf("%s %s %s", plan.Change, live.GetKind(), live.GetName()))
				}
			}
			if live == nil {
				continue
			}
			if live.GetKind() == "Ingress" {
				s.ingress(live)
			}
			healthy, missing := engine.Health(live, bounds)
			if _, isService := counts[part]; isService && engine.IsWorkload(live) {
				counts[part] = healthy
			}
			if healthy {
				continue
			}
			if err := r.waitFor(ctx, s, stage.Name, live, missing); err != nil {
				return changed, err
			}
		}
	}
	s.counts = counts
	return changed, s.progress()
}

// carryOut does what was planned for an object, and returns it as it is then.
func (r *Reconciler) carryOut(ctx context.Context, plan *engine.Plan, bounds *engine.Bounds) (*unstructured.Unstructured, error) {
	if bounds != nil {
		if err := r.engine.HandOver(ctx, plan, *bounds); err != nil {
			return nil, err //nolint:wrapcheck // It says what was done.
		}
	}
	return r.engine.Apply(ctx, plan) //nolint:wrapcheck // It says what was applied.
}

// waitFor notes what a workload lacks, and why it may lack it for good.
func (r *Reconciler) waitFor(ctx context.Context, s *state, stage string, workload *unstructured.Unstructured, missing string) error {
	part := workload.GetLabels()[build.LabelService]
	reason, err := r.podFailure(ctx, s.ChatPlatform, part)
	if err != nil {
		return err
	}
	if reason = cmp.Or(reason, engine.Failure(workload)); reason != "" {
		s.failures = append(s.failures, part+": "+reason)
	}
	s.waiting = append(s.waiting, part+": "+missing)
	s.unhealthy = cmp.Or(s.unhealthy, stage)
	return nil
}

const autoscaler = "HorizontalPodAutoscaler"

// freeReplicas removes autoscalers that aren't wanted any more, before the number that they set is set by the operator: two would undo each
// other's.
func (r *Reconciler) freeReplicas(ctx context.Context, s *state) error {
	for _, ref := range s.Status.Inventory {
		if ref.Kind == autoscaler && !listed(s.wanted, ref) {
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

// summary of many changes is short: the first few, and how many more.
func summary(changes []string) string {
	const most = 8
	if len(changes) <= most {
		return strings.Join(changes, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(changes[:most], ", "), len(changes)-most)
}
