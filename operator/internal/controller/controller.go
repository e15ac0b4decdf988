// Package controller makes the cluster hold what each ChatPlatform asks for.
package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
	"moim.dev/moim/operator/internal/engine"
)

// Options are what the operator gives to platforms that don't say otherwise.
type Options struct {
	Version, Registry         string
	RedisImage, PostgresImage string
}

// Reconciler brings platforms about.
type Reconciler struct {
	// Client reads from caches that hold only what the operator made.
	client.Client
	// Live reads from the API server: what belongs to users, such as the Secret of a database.
	Live     client.Reader
	Recorder events.EventRecorder
	Options  Options

	engine  *engine.Engine
	watcher *watcher
	written sync.Map // the resource version of each platform after its status was written last
}

const (
	// soon is when the cache will have what it hasn't yet.
	soon = 50 * time.Millisecond
	// retry is when something is looked at again that no watch tells about.
	retry = 10 * time.Second
	// resync is how often the Secret of a database is read again, an API looked for that may come, and a spec tried that was refused.
	resync = time.Minute
)

var (
	dapr    = schema.GroupVersion{Group: "dapr.io", Version: "v1alpha1"}
	monitor = schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"}
)

// Reconcile does what a platform needs next. Its status says how far it is.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	p := &v1alpha1.ChatPlatform{}
	if err := r.Get(ctx, req.NamespacedName, p); err != nil {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err) //nolint:wrapcheck // It says what was read.
	}
	if !p.DeletionTimestamp.IsZero() { // What it owns goes with it.
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if r.behind(p) {
		return ctrl.Result{RequeueAfter: soon}, nil
	}
	s := &state{ChatPlatform: p, before: p.DeepCopy()}
	err := r.reconcile(ctx, s)
	if !apierrors.IsConflict(err) {
		s.conclude(err)
		if writeErr := r.writeStatus(ctx, s); writeErr != nil {
			err = writeErr
		}
	}
	if apierrors.IsConflict(err) { // Something else is wanted by now.
		return ctrl.Result{RequeueAfter: soon}, nil
	}
	observe(p, err)
	var stop *halt
	if errors.As(err, &stop) {
		return ctrl.Result{RequeueAfter: stop.after}, nil
	}
	var field *build.FieldError
	if errors.As(err, &field) { // What it is about may be mended where nobody watches, such as in the Secret of a database.
		return ctrl.Result{RequeueAfter: resync}, nil
	}
	if err != nil {
		r.event(p, corev1.EventTypeWarning, "Failed", "Reconcile", err.Error())
		return ctrl.Result{}, err
	}
	if p.Spec.Database != nil || p.Spec.Observability.ServiceMonitors {
		return ctrl.Result{RequeueAfter: resync}, nil
	}
	return ctrl.Result{}, nil
}

// reconcile goes as far as it can. A *halt says why it went no further.
func (r *Reconciler) reconcile(ctx context.Context, s *state) error {
	if s.Spec.Suspend {
		return &halt{reason: suspended, message: "spec.suspend is true: everything is left as it is"}
	}
	if err := r.daprInstalled(ctx, s); err != nil {
		return err
	}
	in, err := r.inputs(ctx, s.ChatPlatform)
	if err != nil {
		return err
	}
	stages, err := build.Build(s.ChatPlatform, in)
	if err != nil {
		return err //nolint:wrapcheck // A FieldError says all there is.
	}
	s.Status.URL = build.URL(s.ChatPlatform)
	changed, err := r.rollOut(ctx, s, stages)
	if len(changed) > 0 {
		r.event(s.ChatPlatform, corev1.EventTypeNormal, "Applied", "Apply", summary(changed))
	}
	if podErr := r.sidecars(ctx, s); podErr != nil {
		return errors.Join(err, podErr)
	}
	if err != nil {
		return err
	}
	s.Status.Version = build.Version(s.ChatPlatform, in)
	return r.prune(ctx, s)
}

// daprInstalled is about the API of Dapr: without it there is nothing to build on.
func (r *Reconciler) daprInstalled(ctx context.Context, s *state) error {
	for _, kind := range []string{"Component", "Configuration", "Resiliency"} {
		_, err := r.RESTMapper().RESTMapping(dapr.WithKind(kind).GroupKind(), dapr.Version)
		if meta.IsNoMatchError(err) {
			s.set(v1alpha1.ConditionDaprReady, false, "DaprNotInstalled",
				"the cluster has no Dapr: install it, with its CRDs (helm install dapr dapr/dapr --namespace dapr-system --create-namespace)")
			return &halt{reason: "DaprNotInstalled", message: "waiting for Dapr to be installed", after: retry}
		}
		if err != nil {
			return fmt.Errorf("look for Dapr's %s: %w", kind, err)
		}
	}
	return r.watcher.watch(ctx, dapr.WithKind("Component"), dapr.WithKind("Configuration"), dapr.WithKind("Resiliency"))
}

func (r *Reconciler) event(p *v1alpha1.ChatPlatform, kind, reason, action, note string) {
	const limit = 1000 // Of the API.
	if len(note) > limit {
		note = strings.ToValidUTF8(note[:limit-3], "") + "..." // Not in the middle of a character.
	}
	r.Recorder.Eventf(p, nil, kind, reason, action, "%s", note)
	slog.Info("event", "platform", p.Namespace+"/"+p.Name, "reason", reason, "note", note)
}
