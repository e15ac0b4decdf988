package controller

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// scale as an autoscaler does, and people with kubectl.
func (c *cluster) scale(t *testing.T, namespace, name string, replicas int32) {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	if err := c.Patch(t.Context(), d, patch, client.FieldOwner("autoscaler")); err != nil {
		t.Fatal(err)
	}
}

// replicasOf watches a Deployment, and returns every number of replicas that it has had since.
func (c *cluster) replicasOf(t *testing.T, namespace, name string) func() []int32 {
	t.Helper()
	watching, err := client.NewWithWatch(c.config, client.Options{Scheme: c.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	w, err := watching.Watch(t.Context(), &appsv1.DeploymentList{}, client.InNamespace(namespace), client.MatchingFields{"metadata.name": name})
	if err != nil {
		t.Fatal(err)
	}
	return func() []int32 {
		defer w.Stop()
		last := get(t, c, namespace, name, &appsv1.Deployment{})
		var seen []int32
		for event := range w.ResultChan() {
			d, ok := event.Object.(*appsv1.Deployment)
			if !ok {
				t.Fatalf("watching %s ended with %v", name, event.Object)
			}
			seen = append(seen, *d.Spec.Replicas)
			if d.ResourceVersion == last.ResourceVersion {
				break
			}
		}
		return slices.Compact(seen)
	}
}

func autoscaled(least, most int32) v1alpha1.ServiceSpec {
	return v1alpha1.ServiceSpec{Autoscaling: &v1alpha1.AutoscalingSpec{MinReplicas: least, MaxReplicas: most, TargetCPU: 70}}
}

func leavesReplicasToTheAutoscaler(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
		Chat: v1alpha1.ServiceSpec{Autoscaling: &v1alpha1.AutoscalingSpec{MinReplicas: 1, MaxReplicas: 5, TargetCPU: 70}},
	}})
	c.ready(t, p)
	d := get(t, c, namespace, "demo-chat", &appsv1.Deployment{})
	d.Spec.Replicas = new(int32(4))
	if err := c.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "0.2.0" })
	c.ready(t, p)
	if d := get(t, c, namespace, "demo-chat", &appsv1.Deployment{}); *d.Spec.Replicas != 4 {
		t.Errorf("%d replicas, want the autoscaler's 4", *d.Spec.Replicas)
	}
}

// handsReplicasOver: what the operator has set stays until the autoscaler decides, within its bounds.
func handsReplicasOver(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
		Chat: v1alpha1.ServiceSpec{Replicas: new(int32(6))}, User: v1alpha1.ServiceSpec{Replicas: new(int32(10))},
	}})
	c.ready(t, p)
	chat, user := c.replicasOf(t, namespace, "demo-chat"), c.replicasOf(t, namespace, "demo-user")
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) {
		s.Services.Chat, s.Services.User = autoscaled(2, 9), autoscaled(2, 5)
	})
	c.ready(t, p)
	if seen := chat(); !slices.Equal(seen, []int32{6}) {
		t.Errorf("chat had %v replicas, want 6 all the time", seen)
	}
	if seen := user(); !slices.Equal(seen, []int32{10, 5}) {
		t.Errorf("user had %v replicas, want 10 and then the 5 that it may have", seen)
	}
	c.scale(t, namespace, "demo-chat", 3)
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "0.2.0" })
	c.ready(t, p)
	if d := get(t, c, namespace, "demo-chat", &appsv1.Deployment{}); *d.Spec.Replicas != 3 {
		t.Errorf("%d replicas, want the autoscaler's 3", *d.Spec.Replicas)
	}
}

// takesReplicasBack: the autoscaler is gone before the operator sets a number itself, though the rollout may never end.
func takesReplicasBack(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{Chat: autoscaled(1, 9)}})
	c.ready(t, p)
	c.scale(t, namespace, "demo-chat", 7)
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Services.Chat = v1alpha1.ServiceSpec{Replicas: new(int32(2))} })
	c.eventually(t, "scaled", func() bool {
		return *get(t, c, namespace, "demo-chat", &appsv1.Deployment{}).Spec.Replicas == 2
	}, func() string { return describe(p) })
	if c.exists(t, namespace, "demo-chat", &autoscalingv2.HorizontalPodAutoscaler{}) {
		t.Error("the autoscaler is still there")
	}
	c.ready(t, p)
	// And to an autoscaler once more.
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Services.Chat = autoscaled(1, 9) })
	c.ready(t, p)
	if d := get(t, c, namespace, "demo-chat", &appsv1.Deployment{}); *d.Spec.Replicas != 2 {
		t.Errorf("%d replicas, want 2 until the autoscaler decides", *d.Spec.Replicas)
	}
}

// startsWhatIsAutoscaledAgain: an autoscaler leaves alone what was scaled to nothing, as it is for a restored backup.
func startsWhatIsAutoscaledAgain(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{Chat: autoscaled(1, 9)}})
	c.ready(t, p)
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Suspend = true })
	c.eventually(t, "suspended", func() bool { return c.suspended(t, p) }, func() string { return describe(p) })
	c.scale(t, namespace, "demo-chat", 0)
	c.settle(t, namespace)
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Suspend = false })
	c.ready(t, p)
	if d := get(t, c, namespace, "demo-chat", &appsv1.Deployment{}); *d.Spec.Replicas != 1 {
		t.Errorf("%d replicas, want the least that there are to be", *d.Spec.Replicas)
	}
}
