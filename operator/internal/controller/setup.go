package controller

import (
	"context"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
	"moim.dev/moim/operator/internal/engine"
)

// kinds are watched from the start: what a platform consists of, but for what an API may be missing for.
var kinds = []schema.GroupVersionKind{
	appsv1.SchemeGroupVersion.WithKind("Deployment"),
	appsv1.SchemeGroupVersion.WithKind("StatefulSet"),
	corev1.SchemeGroupVersion.WithKind("Secret"),
	corev1.SchemeGroupVersion.WithKind("ConfigMap"),
	corev1.SchemeGroupVersion.WithKind("Service"),
	corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
}

// CacheOptions has the caches hold what the operator made and nothing else; namespaces bounds where, none for everywhere.
func CacheOptions(namespaces []string) cache.Options {
	options := cache.Options{
		DefaultLabelSelector: labels.SelectorFromSet(labels.Set{build.LabelManagedBy: build.ManagedBy}),
		ByObject:             map[client.Object]cache.ByObject{&v1alpha1.ChatPlatform{}: {Label: labels.Everything()}},
	}
	if len(namespaces) > 0 {
		options.DefaultNamespaces = map[string]cache.Config{}
		for _, namespace := range namespaces {
			options.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	return options
}

// ClientOptions has objects of any kind read from the caches.
func ClientOptions() client.Options {
	return client.Options{Cache: &client.CacheOptions{Unstructured: true}}
}

// SetUp adds the controller to a manager that has CacheOptions and ClientOptions.
func (r *Reconciler) SetUp(mgr ctrl.Manager) error {
	r.Client, r.Live, r.Recorder = mgr.GetClient(), mgr.GetAPIReader(), mgr.GetEventRecorder(build.ManagedBy)
	r.engine = &engine.Engine{Client: r.Client, Live: r.Live, Manager: build.ManagedBy, Owner: build.LabelPlatform}
	b := ctrl.NewControllerManagedBy(mgr).Named("chatplatform").
		For(&v1alpha1.ChatPlatform{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(platformOf[client.Object]))
	for _, kind := range kinds {
		b = b.Watches(object(kind), handler.EnqueueRequestsFromMapFunc(platformOf[client.Object]))
	}
	c, err := b.Build(r)
	if err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	r.watcher = &watcher{controller: c, cache: mgr.GetCache(), watched: map[schema.GroupVersionKind]bool{}}
	return nil
}

// watcher begins to watch kinds whose API came later than the operator.
type watcher struct {
	controller controller.Controller
	cache      cache.Cache

	mu      sync.Mutex
	watched map[schema.GroupVersionKind]bool
}

func (w *watcher) watch(_ context.Context, kinds ...schema.GroupVersionKind) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, kind := range kinds {
		if w.watched[kind] {
			continue
		}
		from := source.Kind(w.cache, object(kind), handler.TypedEnqueueRequestsFromMapFunc(platformOf[*unstructured.Unstructured]))
		if err := w.controller.Watch(from); err != nil {
			return fmt.Errorf("watch %s: %w", kind.Kind, err)
		}
		w.watched[kind] = true
	}
	return nil
}

func object(kind schema.GroupVersionKind) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind)
	return o
}

// platformOf is the platform that an object belongs to, by its label: what outlives a platform has no owner.
func platformOf[T client.Object](_ context.Context, o T) []reconcile.Request {
	name := o.GetLabels()[build.LabelPlatform]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
}
