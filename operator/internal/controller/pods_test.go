package controller

import (
	"strings"
	"testing"
	"time"

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
	last := func(code int32, words string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: words}}
	}
	waiting := func(reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	const noTag, boom = "chat: pod demo-chat-x, container chat: ErrImagePull: no such tag", "chat: pod demo-chat-x, container chat: CrashLoopBackOff: it ended with exit code 1, its last words were: stopped err=boom"
	for _, test := range []struct {
		status corev1.ContainerStatus
		want   string
	}{
		{corev1.ContainerStatus{State: waiting("ErrImagePull", "no such tag")}, noTag},
		{corev1.ContainerStatus{State: waiting("ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: no such tag`)}, noTag},
		{corev1.ContainerStatus{RestartCount: 1, State: waiting("CrashLoopBackOff", "back-off 10s"), LastTerminationState: last(1, "starting\nstopped err=boom\n")}, boom},
		{corev1.ContainerStatus{RestartCount: 2, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}, LastTerminationState: last(1, "starting\nstopped err=boom\n")}, boom},
		{corev1.ContainerStatus{RestartCount: 2, State: last(1, "starting\nstopped err=boom\n"), LastTerminationState: last(1, "another")}, boom},
		{corev1.ContainerStatus{RestartCount: 1, State: waiting("CrashLoopBackOff", "back-off 10s"), LastTerminationState: last(1, "")},
			"exit code 1; its log says why: kubectl --namespace " + namespace + " logs " + pod.Name + " --container chat"},
	} {
		test.status.Name, test.status.Image = "chat", "x"
		pod = get(t, c, namespace, pod.Name, &corev1.Pod{})
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{test.status}
		c.status(t, pod)
		c.await(t, p, "failed: "+test.want, func() bool {
			ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			return ready.Reason == "RolloutFailed" && strings.HasSuffix(ready.Message, test.want)
		}, "chat", "realtime")
	}
	// One of long ago is none of this rollout's.
	pod = get(t, c, namespace, pod.Name, &corev1.Pod{})
	pod.Status.ContainerStatuses[0].RestartCount, pod.Status.ContainerStatuses[0].LastTerminationState = 1, last(1, "")
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Now().Add(-time.Hour))}}
	c.status(t, pod)
	c.await(t, p, "waiting", func() bool {
		return meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady).Reason == "Progressing"
	}, "chat", "realtime")
	// No second rollout begins before the first has ended.
	if image := get(t, c, namespace, "demo-realtime", &appsv1.StatefulSet{}).Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, ":0.1.0") {
		t.Errorf("realtime is %s already", image)
	}
	if err := c.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	c.ready(t, p)
}

// waitsForANode a while: one may be on its way.
func waitsForANode(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "0.2.0" })
	c.await(t, p, "rolling out", func() bool { return p.Status.Services == "6/7" }, "chat", "realtime")
	pod := c.pod(t, namespace, "chat", true)
	for since, reason := range map[time.Duration]string{time.Second: "Progressing", 2 * time.Minute: "RolloutFailed"} {
		pod = get(t, c, namespace, pod.Name, &corev1.Pod{})
		pod.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available",
			LastTransitionTime: metav1.NewTime(time.Now().Add(-since)),
		}}
		c.status(t, pod)
		c.idle(t, p)
		c.await(t, p, reason+" after "+since.String(), func() bool {
			return meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady).Reason == reason
		}, "chat", "realtime")
	}
}

// givesTheDeploymentsReason: where there is no pod, it alone knows why.
func givesTheDeploymentsReason(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "0.2.0" })
	c.await(t, p, "rolling out", func() bool { return p.Status.Services == "6/7" }, "chat", "realtime")
	for _, condition := range []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded", Message: "it has timed out progressing"},
		{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota"},
	} {
		chat := get(t, c, namespace, "demo-chat", &appsv1.Deployment{})
		chat.Status.Conditions = append(chat.Status.Conditions, condition)
		c.status(t, chat)
		c.await(t, p, "failed", func() bool {
			ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			return ready.Reason == "RolloutFailed" && ready.Message == "chat: "+condition.Message
		}, "chat", "realtime")
	}
}
