// Package engine brings objects to the cluster and keeps them there: server-side apply of what differs, removal of what is not wanted any
// more, and a word on how each is doing. It reads from a cache, and asks the API server for nothing when nothing has changed.
package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

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
	// Client reads unstructured objects from a cache, which may leave out what isn't labelled as the operator's.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Manager is the field manager.
	Manager string
	// Owner is the label that says whose an object is.
	Owner string
}

// Apply does what was planned, and returns the object as it is then. Fields that others have set, and that the object doesn't name, stay
// as they are.
func (e *Engine) Apply(ctx context.Context, p *Plan) (*unstructured.Unstructured, error) {
	if p.Change == Unchanged {
		return p.live, nil
	}
	if p.Change == Recreated {
		if _, err := e.Delete(ctx, p.live); err != nil {
			return nil, err
		}
	}
	applied := p.wanted.DeepCopy()
	if err := e.apply(ctx, applied); err != nil {
		return nil, fmt.Errorf("apply %s: %w", describe(p.wanted), err)
	}
	return applied, nil
}

// apply writes the answer into what it was given.
func (e *Engine) apply(ctx context.Context, wanted *unstructured.Unstructured, options ...client.ApplyOption) error {
	options = append(options, client.FieldOwner(e.Manager), client.ForceOwnership)
	return e.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(wanted), options...) //nolint:wrapcheck // The caller says what it was about.
}

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

// convert makes an object ready to be applied: without a status, which is not ours.
func convert(object client.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("convert %s: %w", object.GetName(), err)
	}
	delete(content, "status")
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	return &unstructured.Unstructured{Object: content}, nil
}

// stamp adds the hash of what is wanted.
func stamp(wanted *unstructured.Unstructured) error {
	text, err := json.Marshal(wanted.Object)
	if err != nil {
		return fmt.Errorf("encode %s: %w", wanted.GetName(), err)
	}
	sum := sha256.Sum256(text)
	annotations := wanted.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[annotation] = hex.EncodeToString(sum[:8])
	wanted.SetAnnotations(annotations)
	return nil
}

func describe(o *unstructured.Unstructured) string { return o.GetKind() + " " + o.GetName() }

// Ours says whether an object is there and has these labels.
func (e *Engine) Ours(ctx context.Context, object *unstructured.Unstructured, labels map[string]string) (bool, error) {
	live, err := read(ctx, e.Client, object)
	if live == nil || err != nil {
		return false, err
	}
	for name, value := range labels {
		if live.GetLabels()[name] != value {
			return false, nil
		}
	}
	return true, nil
}

// read returns the object of that name; nil when there is none.
func read(ctx context.Context, from client.Reader, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	err := from.Get(ctx, client.ObjectKeyFromObject(object), live)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", describe(object), err)
	}
	return live, nil
}
