package controller

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
	"moim.dev/moim/operator/internal/engine"
)

// record has what is about to be made in the status before it is there: nothing is made that nobody would remove.
func (r *Reconciler) record(ctx context.Context, s *state) error {
	all := union(s.Status.Inventory, s.wanted)
	if len(all) == len(s.Status.Inventory) {
		return nil
	}
	s.Status.Inventory = all
	return r.patchStatus(ctx, s)
}

// prune removes what was made before and is not wanted any more.
func (r *Reconciler) prune(ctx context.Context, s *state) error {
	kept := s.wanted
	for _, ref := range s.Status.Inventory {
		if listed(s.wanted, ref) {
			continue
		}
		// Passwords stay with the volumes that they open.
		keep, err := ref.Kind == "Secret", error(nil)
		if ref.Kind == "StatefulSet" {
			keep, err = r.detach(ctx, s.ChatPlatform, ref)
		}
		if err == nil && !keep {
			err = r.discard(ctx, s.ChatPlatform, ref)
		}
		if err != nil {
			return err
		}
		if keep {
			kept = append(kept, ref)
		}
	}
	s.Status.Inventory = kept
	return nil
}

// detach has the volumes of a store that isn't used any more outlive it, and says whether the cluster has yet to see to that: they go with
// the platform, if so wanted, and not with a change of its spec.
func (r *Reconciler) detach(ctx context.Context, p *v1alpha1.ChatPlatform, ref v1alpha1.ObjectReference) (pending bool, err error) {
	live := reference(p, ref)
	if err := r.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
		return false, client.IgnoreNotFound(err) //nolint:wrapcheck // It says what was read.
	}
	if policy, _, _ := unstructured.NestedString(live.Object, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted"); policy == "Delete" {
		patch := []byte(`{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain"}}}`)
		if err := r.Patch(ctx, live, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(build.ManagedBy)); err != nil {
			return false, fmt.Errorf("keep the volumes of %s: %w", ref.Name, err)
		}
	}
	healthy, _ := engine.Health(live, nil)
	return !healthy, nil
}

// discard deletes an object if it is still the platform's.
func (r *Reconciler) discard(ctx context.Context, p *v1alpha1.ChatPlatform, ref v1alpha1.ObjectReference) error {
	object := reference(p, ref)
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

// reference is an object that has only a name.
func reference(p *v1alpha1.ChatPlatform, ref v1alpha1.ObjectReference) *unstructured.Unstructured {
	o := object(schema.GroupVersionKind{Group: ref.Group, Version: ref.Version, Kind: ref.Kind})
	o.SetNamespace(p.Namespace)
	o.SetName(ref.Name)
	return o
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

// listed says whether a list has an object, in whatever version.
func listed(list []v1alpha1.ObjectReference, ref v1alpha1.ObjectReference) bool {
	return slices.ContainsFunc(list, func(r v1alpha1.ObjectReference) bool {
		return r.Group == ref.Group && r.Kind == ref.Kind && r.Name == ref.Name
	})
}

// union is a, and what b has beyond it.
func union(a, b []v1alpha1.ObjectReference) []v1alpha1.ObjectReference {
	out := slices.Clone(a)
	for _, ref := range b {
		if !listed(out, ref) {
			out = append(out, ref)
		}
	}
	return out
}
