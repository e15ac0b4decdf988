package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ErrTaken is about an object that somebody else has made under the name of one that is wanted.
var ErrTaken = errors.New("it is there and not the platform's")

// Change says what becomes of an object.
type Change string

// Changes.
const (
	Unchanged Change = "unchanged"
	Created   Change = "created"
	Updated   Change = "updated"
	Recreated Change = "recreated"
)

// Plan is what it takes to have an object as it is wanted.
type Plan struct {
	Change Change

	wanted *unstructured.Unstructured
	live   *unstructured.Unstructured // nil if it isn't there
	result *unstructured.Unstructured // what an apply would make of it; nil if it is unchanged, or made anew
}

// precious are the kinds that are never deleted to be made anew: with them would go pods or data.
var precious = []string{"Deployment", "StatefulSet", "Secret", "PersistentVolumeClaim"}

// Plan finds out what an object needs, and has the API server judge it before anything is written: one that it refuses is an error that
// apierrors.IsInvalid knows. The error is ErrTaken if the name has another owner.
func (e *Engine) Plan(ctx context.Context, object client.Object) (*Plan, error) {
	wanted, err := convert(object)
	if err != nil {
		return nil, err
	}
	live, err := read(ctx, e.Client, wanted)
	if err != nil {
		return nil, err
	}
	keepFixed(wanted, live)
	if err := stamp(wanted); err != nil {
		return nil, err
	}
	p := &Plan{Change: Updated, wanted: wanted, live: live}
	if live != nil && live.GetAnnotations()[annotation] == wanted.GetAnnotations()[annotation] && contains(shared(wanted.GetKind()), wanted.Object, live.Object) {
		p.Change = Unchanged
		return p, nil
	}
	return p, e.judge(ctx, p)
}

// keepFixed has a StatefulSet go on as it was made in what can't change, and where another version of the operator chose otherwise.
func keepFixed(wanted, live *unstructured.Unstructured) {
	if live == nil || wanted.GetKind() != "StatefulSet" {
		return
	}
	if policy, found, _ := unstructured.NestedString(live.Object, "spec", "podManagementPolicy"); found {
		_ = unstructured.SetNestedField(wanted.Object, policy, "spec", "podManagementPolicy")
	}
}

// judge asks the API server what would come of an apply.
func (e *Engine) judge(ctx context.Context, p *Plan) error {
	p.result = p.wanted.DeepCopy()
	err := e.apply(ctx, p.result, client.DryRunAll)
	if p.live == nil {
		p.Change = Created
		// What would be new has no version.
		if apierrors.IsInvalid(err) || apierrors.IsNotFound(err) || err == nil && p.result.GetResourceVersion() != "" {
			if err := e.discover(ctx, p); err != nil {
				return err
			}
		}
	}
	if apierrors.IsInvalid(err) && p.live != nil && !slices.Contains(precious, p.wanted.GetKind()) {
		// A field can't change, or an item of a list that somebody else has changed is in the way. It is deleted only if it could be made.
		if err = e.Client.Create(ctx, p.wanted.DeepCopy(), client.DryRunAll, client.FieldOwner(e.Manager)); apierrors.IsAlreadyExists(err) {
			p.Change, p.result = Recreated, nil
			return nil
		}
	}
	if apierrors.IsNotFound(err) {
		return nil // What it refers to is yet to be made, as the Role of a RoleBinding: until then it can't be judged.
	}
	if err != nil {
		return fmt.Errorf("apply %s: %w", describe(p.wanted), err)
	}
	return nil
}

// discover finds what the cache doesn't have: it lags behind, or somebody has taken the labels away, or it is somebody else's.
func (e *Engine) discover(ctx context.Context, p *Plan) error {
	live, err := read(ctx, e.Live, p.wanted)
	if live == nil || err != nil {
		return err
	}
	if live.GetLabels()[e.Owner] != p.wanted.GetLabels()[e.Owner] {
		return fmt.Errorf("%s: %w", describe(p.wanted), ErrTaken)
	}
	p.Change, p.live = Updated, live
	return nil
}

// Object is what is wanted.
func (p *Plan) Object() *unstructured.Unstructured { return p.wanted }

// Live is what is there; nil if nothing is.
func (p *Plan) Live() *unstructured.Unstructured { return p.live }

// StartsPods says whether the plan makes pods, or replaces those that are there.
func (p *Plan) StartsPods() bool {
	if !IsWorkload(p.wanted) || p.Change == Unchanged {
		return false
	}
	return p.live == nil || !reflect.DeepEqual(template(p.live), template(p.result))
}

// IsWorkload says whether an object has pods.
func IsWorkload(o *unstructured.Unstructured) bool {
	return o.GetKind() == "Deployment" || o.GetKind() == "StatefulSet"
}

func template(o *unstructured.Unstructured) any {
	found, _, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "template")
	return found
}
