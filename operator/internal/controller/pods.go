package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
)

// podFailure returns why a pod of a service or store can't run, in the words of the kubelet or of the program itself; empty when there is
// no reason to think that it won't.
func (r *Reconciler) podFailure(ctx context.Context, p *v1alpha1.ChatPlatform, part string) (string, error) {
	pods := &corev1.PodList{}
	err := r.List(ctx, pods, client.InNamespace(p.Namespace), client.MatchingLabels{build.LabelPlatform: p.Name, build.LabelService: part})
	if err != nil {
		return "", fmt.Errorf("list pods of %s: %w", part, err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !pod.DeletionTimestamp.IsZero() {
			continue
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable &&
				time.Since(c.LastTransitionTime.Time) > grace {
				return fmt.Sprintf("pod %s can't be scheduled: %s", pod.Name, c.Message), nil
			}
		}
		for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if reason := containerFailure(pod, &status); reason != "" {
				return fmt.Sprintf("pod %s, container %s: %s", pod.Name, status.Name, reason), nil
			}
		}
	}
	return "", nil
}

const (
	// grace is how long a pod may wait for a node that has room: one may be on its way.
	grace = time.Minute
	// calm is for how long a container has run when the kubelet forgets that it crashed.
	calm = 10 * time.Minute
	// pullFailed is the reason for which a container waits whose image can't be pulled; between two attempts it is pullBackOff.
	pullFailed, pullBackOff = "ErrImagePull", "ImagePullBackOff"
	crashed                 = "CrashLoopBackOff"
)

// failing are the reasons for which a container waits in vain.
var failing = []string{
	pullFailed, pullBackOff, "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError",
	"RunContainerError", crashed,
}

// containerFailure says why a container doesn't run; empty when it does, or may yet. What a sidecar printed is left in its log: it may have
// the password of a broker in it, and conditions and events are read by many. It says the same while the kubelet tries again and waits to.
func containerFailure(pod *corev1.Pod, status *corev1.ContainerStatus) string {
	waiting := status.State.Waiting
	if last := crash(status); last != nil {
		if words := lastLine(last.Message); words != "" {
			return fmt.Sprintf("CrashLoopBackOff: it ended with exit code %d, its last words were: %s", last.ExitCode, words)
		}
		return fmt.Sprintf("CrashLoopBackOff: it ended with exit code %d; its log says why: kubectl --namespace %s logs %s --container %s",
			last.ExitCode, pod.Namespace, pod.Name, status.Name)
	}
	if waiting == nil || !slices.Contains(failing, waiting.Reason) {
		return ""
	}
	if waiting.Reason == pullBackOff {
		// It has the last attempt's reason behind its own.
		if _, reason, found := strings.Cut(waiting.Message, ": "+pullFailed+": "); found {
			return pullFailed + ": " + reason
		}
	}
	return waiting.Reason + ": " + waiting.Message
}

// crash is how a container has ended that crashes again and again; nil if it doesn't.
func crash(status *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	last := cmp.Or(status.State.Terminated, status.LastTerminationState.Terminated)
	running := status.State.Running
	switch {
	case last == nil || status.Ready:
		return nil
	case status.State.Waiting != nil && status.State.Waiting.Reason == crashed:
		return last
	case status.RestartCount == 0 || last.ExitCode == 0 || running != nil && time.Since(running.StartedAt.Time) > calm:
		return nil
	}
	return last
}

// lastLine of a log.
func lastLine(log string) string {
	log = strings.TrimSpace(log)
	return log[strings.LastIndexByte(log, '\n')+1:]
}

// sidecars checks that Dapr has put a sidecar into each pod that asks for one. Its webhook lets pods through without when it can't answer.
func (r *Reconciler) sidecars(ctx context.Context, s *state) error {
	pods := &corev1.PodList{}
	if err := r.List(ctx, pods, client.InNamespace(s.Namespace), client.MatchingLabels{build.LabelPlatform: s.Name}); err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	var without []string
	for i := range pods.Items {
		pod := &pods.Items[i]
		isSidecar := func(c corev1.Container) bool { return c.Name == "daprd" }
		if pod.Annotations["dapr.io/enabled"] == "true" && pod.DeletionTimestamp.IsZero() &&
			!slices.ContainsFunc(pod.Spec.Containers, isSidecar) && !slices.ContainsFunc(pod.Spec.InitContainers, isSidecar) {
			without = append(without, pod.Name)
		}
	}
	if len(without) > 0 {
		slices.Sort(without)
		s.set(v1alpha1.ConditionDaprReady, false, "SidecarMissing", fmt.Sprintf(
			"no Dapr sidecar in %s: see that dapr-sidecar-injector runs, then delete these pods", strings.Join(without, ", ")))
		return nil
	}
	s.set(v1alpha1.ConditionDaprReady, true, "SidecarsInjected", "every pod has its sidecar")
	return nil
}
