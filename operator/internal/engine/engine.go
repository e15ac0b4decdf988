// Package engine brings objects to the cluster and keeps them there: server-side apply of what differs, removal of what is not wanted any
// more, and a word on how each is doing. It reads from a cache, and asks the API server for nothing when nothing has changed.
package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// annotation has a hash of what was applied last. An object that has it, and all that is wanted, needs no apply: what it has
// beyond is somebody else's.
const annotation = "moim.dev/applied"

// Engine applies objects under a field manager's name.
type Engine struct {
	// Client reads unstructured objects from a cache.
	Client client.Client
	// Manager is the field manager.
	Manager string
}

// Applied is an object as it is after it was applied.
type Applied struct {
	*unstructured.Unstructured
	// Change is what the apply did.
	Change Change
}

// Change says what became of an object.
type Change string

// Changes.
const (
	Unchanged Change = "unchanged"
	Created   Change = "created"
	Updated   Change = "updated"
	Recreated Change = "recreated"
)

// Apply brings an object to the cluster. Fields that others have set, and that the object doesn't name, stay as they are.
func (e *Engine) Apply(ctx context.Context, object client.Object) (Applied, error) {
	wanted, err := convert(object)
	if err != nil {
		return Applied{}, err
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(wanted.GroupVersionKind())
	err = e.Client.Get(ctx, client.ObjectKeyFromObject(wanted), live)
	change := Updated
	switch {
	case apierrors.IsNotFound(err):
		change = Created
	case err != nil:
		return Applied{}, fmt.Errorf("read %s: %w", describe(wanted), err)
	case live.GetAnnotations()[annotation] == wanted.GetAnnotations()[annotation] && contains(wanted.Object, live.Object):
		return Applied{live, Unchanged}, nil
	}
	err = e.apply(ctx, wanted)
	if apierrors.IsInvalid(err) && change == Updated && !slices.Contains(precious, wanted.GetKind()) {
		// It can't become what is wanted: a field can't change, or an item of a list that somebody else has changed is in the way.
		if _, err := e.Delete(ctx, live); err != nil {
			return Applied{}, err
		}
		change, err = Recreated, e.apply(ctx, wanted)
	}
	if err != nil {
		return Applied{}, fmt.Errorf("apply %s: %w", describe(wanted), err)
	}
	return Applied{wanted, change}, nil
}

func (e *Engine) apply(ctx context.Context, wanted *unstructured.Unstructured) error {
	// The client writes the answer into what it was given.
	return e.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(wanted), client.FieldOwner(e.Manager), client.ForceOwnership) //nolint:wrapcheck // The caller says what it was about.
}

// precious are the kinds that are never deleted to be made anew: with them would go pods or data.
var precious = []string{"Deployment", "StatefulSet", "Secret", "PersistentVolumeClaim"}

// Delete removes an object, and says whether it was there. Its dependents go with it.
func (e *Engine) Delete(ctx context.Context, object *unstructured.Unstructured) (bool, error) {
	err := e.Client.Delete(ctx, object, client.PropagationPolicy("Background"))
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete %s: %w", describe(object), err)
	}
	return true, nil
}

// convert makes an object ready to be applied: without a status, which is not ours, and with the hash of the rest.
func convert(object client.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("convert %s: %w", object.GetName(), err)
	}
	delete(content, "status")
	wanted := &unstructured.Unstructured{Object: content}
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	text, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", object.GetName(), err)
	}
	sum := sha256.Sum256(text)
	annotations := wanted.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[annotation] = hex.EncodeToString(sum[:8])
	wanted.SetAnnotations(annotations)
	return wanted, nil
}

func describe(o *unstructured.Unstructured) string { return o.GetKind() + " " + o.GetName() }

// Ours says whether an object is there and has these labels.
func (e *Engine) Ours(ctx context.Context, object *unstructured.Unstructured, labels map[string]string) (bool, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	err := e.Client.Get(ctx, client.ObjectKeyFromObject(object), live)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", describe(object), err)
	}
	for name, value := range labels {
		if live.GetLabels()[name] != value {
			return false, nil
		}
	}
	return true, nil
}
