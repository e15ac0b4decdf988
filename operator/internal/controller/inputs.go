package controller

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
)

// inputs gathers what a platform is built from beside its spec.
func (r *Reconciler) inputs(ctx context.Context, p *v1alpha1.ChatPlatform) (build.Inputs, error) {
	in := build.Inputs{
		Version: r.Options.Version, Registry: r.Options.Registry, RedisImage: r.Options.RedisImage, PostgresImage: r.Options.PostgresImage,
		Generated: map[string]map[string][]byte{},
		Random: func(n int) []byte {
			b := make([]byte, n)
			_, _ = rand.Read(b) // It never fails.
			return b
		},
	}
	for _, name := range build.SecretNames(p) {
		data, err := r.secret(ctx, p.Name, client.ObjectKey{Namespace: p.Namespace, Name: name})
		if err != nil {
			return in, err
		}
		if data != nil {
			in.Generated[name] = data
		}
	}
	if err := lost(p, in.Generated); err != nil {
		return in, err
	}
	if p.Spec.Database != nil {
		secret := &corev1.Secret{}
		name := p.Spec.Database.SecretRef.Name
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: name}, secret)
		if apierrors.IsNotFound(err) {
			return in, &halt{reason: "SecretNotFound", message: fmt.Sprintf("spec.database.secretRef: there is no Secret %s in namespace %s", name, p.Namespace), after: retry}
		}
		if err != nil {
			return in, fmt.Errorf("read the Secret of the database: %w", err)
		}
		in.Database = secret.Data
	}
	if p.Spec.Observability.ServiceMonitors {
		there, err := r.monitored(ctx)
		if err != nil {
			return in, err
		}
		in.ServiceMonitors = there
	}
	return in, nil
}

// monitored says whether the cluster has ServiceMonitors.
func (r *Reconciler) monitored(ctx context.Context) (bool, error) {
	_, err := r.RESTMapper().RESTMapping(monitor.GroupKind(), monitor.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for ServiceMonitors: %w", err)
	}
	return true, r.watcher.watch(ctx, monitor)
}

// secret returns the data of a Secret that was generated for a platform; nil when there is none. One that the cache doesn't have is looked for in the cluster:
// a cache that lags behind must not have a password made anew.
func (r *Reconciler) secret(ctx context.Context, platform string, key client.ObjectKey) (map[string][]byte, error) {
	live := object(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := r.Get(ctx, key, live)
	if apierrors.IsNotFound(err) {
		err = r.Live.Get(ctx, key, live)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Secret %s: %w", key.Name, err)
	}
	if live.GetLabels()[build.LabelPlatform] != platform {
		return nil, taken("Secret", key.Name, platform)
	}
	secret := &corev1.Secret{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, secret); err != nil {
		return nil, fmt.Errorf("read Secret %s: %w", key.Name, err)
	}
	if secret.Data == nil { // An empty one is there nevertheless.
		return map[string][]byte{}, nil
	}
	return secret.Data, nil
}

// lost is about Secrets that were there and that nothing can take the place of.
func lost(p *v1alpha1.ChatPlatform, generated map[string]map[string][]byte) error {
	for _, name := range build.Irreplaceable(p) {
		recorded := slices.ContainsFunc(p.Status.Inventory, func(ref v1alpha1.ObjectReference) bool { return ref.Kind == "Secret" && ref.Name == name })
		if recorded && generated[name] == nil {
			return &halt{reason: "SecretLost", stalled: true, after: retry, message: fmt.Sprintf(
				"the Secret %s is gone, and new values in it would not do: restore it from a backup, with the label %s=%s", name, build.LabelPlatform, p.Name)}
		}
	}
	return nil
}
