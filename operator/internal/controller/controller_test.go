package controller

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/testutil"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/test/kube"
)

// cluster is an API server with an operator at work. There is no kubelet and no workload controller: settle plays them.
type cluster struct {
	client.Client
	config *rest.Config
	writes *writes
	cached client.Reader // What the operator reads.
}

// writes are the requests of the operator that change something, or would (All), but for its leases and events.
type writes struct {
	http.RoundTripper
	mu   sync.Mutex
	list []string
}

func (w *writes) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet && !strings.Contains(req.URL.Path, "/events") {
		w.mu.Lock()
		w.list = append(w.list, strings.TrimSpace(req.Method+" "+req.URL.Path+" "+req.URL.Query().Get("dryRun")))
		w.mu.Unlock()
	}
	return w.RoundTripper.RoundTrip(req)
}

func (w *writes) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.list
	w.list = nil
	return list
}

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	ctrl.SetLogger(logr.Discard())
	c := &cluster{config: kube.ForTest(t), writes: &writes{}}
	var err error
	if c.Client, err = client.New(c.config, client.Options{Scheme: scheme(t)}); err != nil {
		t.Fatal(err)
	}
	return c
}

// operate starts an operator, which works until stop is called or the test ends.
func (c *cluster) operate(t *testing.T, options Options) (stop func()) {
	t.Helper()
	watched := rest.CopyConfig(c.config)
	watched.Wrap(func(next http.RoundTripper) http.RoundTripper {
		c.writes.RoundTripper = next
		return c.writes
	})
	mgr, err := ctrl.NewManager(watched, ctrl.Options{
		Scheme: scheme(t), Cache: CacheOptions(nil), Client: ClientOptions(), Metrics: server.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Reconciler{Options: options}).SetUp(mgr); err != nil {
		t.Fatal(err)
	}
	c.cached = mgr.GetClient()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("the operator ended with %v", err)
		}
		abandoned = gauge(t, "workqueue_depth")
	})
	t.Cleanup(stop)
	return stop
}

var defaults = Options{Version: "0.1.0", Registry: "registry.example.com/moim", RedisImage: "redis:7", PostgresImage: "postgres:15"}

// namespace makes one for a test.
func (c *cluster) namespace(t *testing.T) string {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "talk-"}}
	if err := c.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return n.Name
}

func (c *cluster) platform(t *testing.T, namespace, name string, spec v1alpha1.ChatPlatformSpec) *v1alpha1.ChatPlatform {
	t.Helper()
	p := &v1alpha1.ChatPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
	if err := c.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// change a platform's spec; the operator's writes of the status may come in between.
func (c *cluster) change(t *testing.T, p *v1alpha1.ChatPlatform, change func(*v1alpha1.ChatPlatformSpec)) {
	t.Helper()
	for {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
			t.Fatal(err)
		}
		change(&p.Spec)
		err := c.Update(t.Context(), p)
		if err == nil {
			return
		}
		if !apierrors.IsConflict(err) {
			t.Fatal(err)
		}
	}
}

// settle has the rollouts under way succeed, but for those of the parts named.
func (c *cluster) settle(t *testing.T, namespace string, but ...string) {
	t.Helper()
	broken := func(o client.Object) bool { return slices.Contains(but, o.GetLabels()["app.kubernetes.io/name"]) }
	deployments := &appsv1.DeploymentList{}
	if err := c.List(t.Context(), deployments, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		n := *d.Spec.Replicas
		if broken(d) || d.Status.ObservedGeneration == d.Generation && d.Status.AvailableReplicas == n {
			continue
		}
		d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n}
		c.status(t, d)
	}
	sets := &appsv1.StatefulSetList{}
	if err := c.List(t.Context(), sets, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range sets.Items {
		s := &sets.Items[i]
		n := *s.Spec.Replicas
		if broken(s) || s.Status.ObservedGeneration == s.Generation && s.Status.AvailableReplicas == n {
			continue
		}
		s.Status = appsv1.StatefulSetStatus{ObservedGeneration: s.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n}
		c.status(t, s)
	}
}

func (c *cluster) status(t *testing.T, o client.Object) {
	t.Helper()
	if err := c.Status().Update(t.Context(), o); err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}

// await reads the platform, with rollouts settling, until its status is as wanted.
func (c *cluster) await(t *testing.T, p *v1alpha1.ChatPlatform, what string, ok func() bool, but ...string) {
	t.Helper()
	c.eventually(t, what, func() bool {
		c.settle(t, p.Namespace, but...)
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
			t.Fatal(err)
		}
		return p.Status.ObservedGeneration == p.Generation && ok()
	}, func() string { return describe(p) })
}

func (c *cluster) ready(t *testing.T, p *v1alpha1.ChatPlatform) {
	t.Helper()
	c.await(t, p, "Ready", func() bool { return meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady) })
}

func (c *cluster) eventually(t *testing.T, what string, ok func() bool, state func() string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s in time: %s", what, state())
		}
	}
}

func describe(p *v1alpha1.ChatPlatform) string {
	var lines []string
	for _, c := range p.Status.Conditions {
		lines = append(lines, fmt.Sprintf("%s=%s %s (%d): %s", c.Type, c.Status, c.Reason, c.ObservedGeneration, c.Message))
	}
	return strings.Join(lines, "\n")
}

// get reads an object of the namespace, which must be there.
func get[T client.Object](t *testing.T, c *cluster, namespace, name string, o T) T {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o); err != nil {
		t.Fatal(err)
	}
	return o
}

func (c *cluster) exists(t *testing.T, namespace, name string, o client.Object) bool {
	t.Helper()
	err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o)
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

// outcome is how many reconciliations had a result.
func outcome(result string) float64 { return testutil.ToFloat64(outcomes.WithLabelValues(result)) }

// abandoned is how much was left to do when operators were stopped: the metric never forgets it.
var abandoned float64

// idle waits until the operator has nothing to do, and has seen what it wrote last, over several looks: watches may have more to tell.
func (c *cluster) idle(t *testing.T, p *v1alpha1.ChatPlatform) {
	t.Helper()
	const looks = 15
	quiet := 0
	c.eventually(t, "idle", func() bool {
		seen := &v1alpha1.ChatPlatform{}
		if err := c.cached.Get(t.Context(), client.ObjectKeyFromObject(p), seen); err != nil {
			t.Fatal(err)
		}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
			t.Fatal(err)
		}
		if seen.ResourceVersion == p.ResourceVersion && gauge(t, "workqueue_depth") == abandoned && gauge(t, "controller_runtime_active_workers") == 0 {
			quiet++
		} else {
			quiet = 0
		}
		return quiet == looks
	}, func() string { return describe(p) })
}

// gauge is the sum of a metric of the controller's library.
func gauge(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				sum += m.GetGauge().GetValue()
			}
			return sum
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
