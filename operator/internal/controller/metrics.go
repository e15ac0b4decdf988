package controller

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"moim.dev/moim/operator/api/v1alpha1"
)

var (
	outcomes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "moim_operator_reconciles_total", Help: "Reconciliations, by result (done, waiting, failed).",
	}, []string{"result"})
	notReady = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "moim_operator_platforms_not_ready", Help: "ChatPlatforms that are not Ready.",
	})

	unready = struct {
		sync.Mutex
		names map[types.NamespacedName]bool
	}{names: map[types.NamespacedName]bool{}}
)

func init() { metrics.Registry.MustRegister(outcomes, notReady) }

// observe counts how a reconciliation ended.
func observe(p *v1alpha1.ChatPlatform, err error) {
	var stop *halt
	switch {
	case err == nil:
		outcomes.WithLabelValues("done").Inc()
	case errors.As(err, &stop):
		outcomes.WithLabelValues("waiting").Inc()
	default:
		outcomes.WithLabelValues("failed").Inc()
	}
	note(types.NamespacedName{Namespace: p.Namespace, Name: p.Name}, !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady))
}

// forget a platform that is gone.
func (r *Reconciler) forget(name types.NamespacedName) {
	note(name, false)
	r.written.Delete(name)
}

func note(name types.NamespacedName, isUnready bool) {
	unready.Lock()
	defer unready.Unlock()
	if isUnready {
		unready.names[name] = true
	} else {
		delete(unready.names, name)
	}
	notReady.Set(float64(len(unready.names)))
}
