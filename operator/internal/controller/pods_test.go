package controller

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// pod makes a pod of a service, as its Deployment would.
func (c *cluster) pod(t *testing.T, namespace, service string, sidecar bool) *corev1.Pod {
	t.Helper()
	template := get(t, c, namespace, "demo-"+service, &appsv1.Deployment{}).Spec.Template
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace, pod.Name = namespace, "demo-"+service+"-x"
	if sidecar {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "daprd", Image: "daprd"})
	}
	if err := c.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

func namesPodsWithoutSidecar(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	c.pod(t, namespace, "user", true)
	pod := c.pod(t, namespace, "chat", false)
	c.await(t, p, "unready for want of a sidecar", func() bool {
		found := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionDaprReady)
		return found.Status == metav1.ConditionFalse && found.Reason == "SidecarMissing" && strings.Contains(found.Message, pod.Name) &&
			!strings.Contains(found.Message, "user") && meta.IsStatusConditionFalse(p.Status.Conditions, v1alpha1.ConditionReady)
	})
	if err := c.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	c.ready(t, p)
}

func givesThePodsReason(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "0.2.0" })
	c.await(t, p, "rolling out", func() bool { return p.Status.Services == "6/7" }, "chat", "realtime")
	pod := c.pod(t, namespace, "chat", true)
	for want, status := range map[string]corev1.ContainerStatus{
		"ErrImagePull: no such tag": {State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such tag"}}},
		"exit code 1, its last words were: stopped err=boom": {
			State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: "starting\nstopped err=boom\n"}},
		},
		"exit code 1; its log says why: kubectl --namespace " + namespace + " logs " + pod.Name + " --container chat": {
			State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}},
		},
	} {
		status.Name, status.Image = "chat", "x"
		pod = get(t, c, namespace, pod.Name, &corev1.Pod{})
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
		c.status(t, pod)
		c.await(t, p, "failed: "+want, func() bool {
			ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			return ready.Reason == "RolloutFailed" && strings.Contains(ready.Message, pod.Name) && strings.Contains(ready.Message, want)
		}, "chat", "realtime")
	}
	// No second rollout begins before the first has ended.
	if image := get(t, c, namespace, "demo-realtime", &appsv1.StatefulSet{}).Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, ":0.1.0") {
		t.Errorf("realtime is %s already", image)
	}
	if err := c.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	c.ready(t, p)
}
