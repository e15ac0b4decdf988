package controller

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// goesOnBesideWhatIsAway: while something isn't healthy, only pods are left as they are.
func goesOnBesideWhatIsAway(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Ingress: &v1alpha1.IngressSpec{Host: "a.example.com"}})
	c.ready(t, p)
	redis := get(t, c, namespace, "demo-redis", &appsv1.StatefulSet{})
	redis.Status.AvailableReplicas, redis.Status.ReadyReplicas = 0, 0
	c.status(t, redis)
	c.await(t, p, "not Ready", func() bool {
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
		return ready.Status == metav1.ConditionFalse && strings.Contains(ready.Message, "redis")
	}, "redis")
	if p.Status.Services != "7/7" || !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionServicesAvailable) {
		t.Errorf("services %s:\n%s", p.Status.Services, describe(p))
	}
	if err := c.Delete(t.Context(), get(t, c, namespace, "demo-ingress", &networkingv1.Ingress{})); err != nil {
		t.Fatal(err)
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) {
		s.Ingress.Host = "b.example.com"
		s.Services.Realtime.Replicas = new(int32(3))
		s.Services.Chat = v1alpha1.ServiceSpec{Replicas: new(int32(2))}
		s.Services.User = autoscaled(1, 9) // Its pods are to request more.
	})
	c.await(t, p, "as it is wanted but for redis", func() bool {
		ingress := &networkingv1.Ingress{}
		return p.Status.Services == "7/7" && c.exists(t, namespace, "demo-ingress", ingress) && ingress.Spec.Rules[0].Host == "b.example.com" &&
			*get(t, c, namespace, "demo-realtime", &appsv1.StatefulSet{}).Spec.Replicas == 3 &&
			*get(t, c, namespace, "demo-chat", &appsv1.Deployment{}).Spec.Replicas == 2
	}, "redis")
	if user := get(t, c, namespace, "demo-user", &appsv1.Deployment{}); user.Generation != 1 {
		t.Error("pods were replaced meanwhile")
	}
	if c.exists(t, namespace, "demo-user", object(kinds[len(kinds)-1])) {
		t.Error("there is an autoscaler of the pods that are to come")
	}
	c.ready(t, p)
	if user := get(t, c, namespace, "demo-user", &appsv1.Deployment{}); user.Generation == 1 {
		t.Error("pods were not replaced afterwards")
	}
	events := &eventsv1.EventList{}
	c.eventually(t, "told of both times", func() bool {
		if err := c.List(t.Context(), events, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool { return e.Note == "everything is there and serves" })
	}, func() string { return describe(p) })
	rolledOut := slices.DeleteFunc(events.Items, func(e eventsv1.Event) bool { return !strings.Contains(e.Note, "is rolled out") })
	if len(rolledOut) != 1 || rolledOut[0].Series != nil {
		t.Errorf("one version was rolled out: %v", rolledOut)
	}
}

// forgetsAVersionThatFailed: what never worked is no default.
func forgetsAVersionThatFailed(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "typo" })
	c.await(t, p, "rolling out", func() bool { return p.Status.Services == "6/7" }, "chat", "realtime")
	if p.Status.Version != "0.1.0" {
		t.Errorf("version %s is not rolled out", p.Status.Version)
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "" })
	c.ready(t, p)
	if image := get(t, c, namespace, "demo-chat", &appsv1.Deployment{}).Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, ":0.1.0") {
		t.Errorf("chat is %s", image)
	}
}
