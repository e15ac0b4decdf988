package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
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

// failing are the reasons for which a container waits in vain.
var failing = []string{
	"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError",
	"RunContainerError", "CrashLoopBackOff",
}

// containerFailure says why a container doesn't run; empty when it does, or may yet. What a sidecar printed is left in its log: it may have
// the password of a broker in it, and conditions and events are read by many.
func containerFailure(pod *corev1.Pod, status *corev1.ContainerStatus) string {
	waiting := status.State.Waiting
	if waiting == nil || !slices.Contains(failing, waiting.Reason) {
		return ""
	}
	if last := status.LastTerminationState.Terminated; last != nil && waiting.Reason == "CrashLoopBackOff" {
		if words := lastLine(last.Message); words != "" {
			return fmt.Sprintf("CrashLoopBackOff: it ended with exit code %d, its last words were: %s", last.ExitCode, words)
		}
		return fmt.Sprintf("CrashLoopBackOff: it ended with exit code %d; its log says why: kubectl --namespace %s logs %s --container %s",
			last.ExitCode, pod.Namespace, pod.Name, status.Name)
	}
	return waiting.Reason + ": " + waiting.Message
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
