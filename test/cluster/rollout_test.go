//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
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

func (s *suite) scale(t *testing.T) {
	l := s.talk(t)
	for _, replicas := range []int32{3, 1} {
		s.change(t, func(spec *v1alpha1.ChatPlatformSpec) { spec.Services.Realtime.Replicas = &replicas })
		took := s.awaitReady(t, 2*time.Minute)
		t.Logf("%d replicas after %s", replicas, took.Round(100*time.Millisecond))
		await(t, 2*time.Minute, func(ctx context.Context) (string, error) {
			set := &appsv1.StatefulSet{}
			err := s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: platform + "-realtime"}, set)
			if set.Status.ReadyReplicas != replicas || set.Status.Replicas != replicas {
				return fmt.Sprintf("realtime has %d replicas, %d of which are ready", set.Status.Replicas, set.Status.ReadyReplicas), err
			}
			return "", err
		})
		l.awaitMore(t, 40)
	}
	l.finish(t)
	s.change(t, func(spec *v1alpha1.ChatPlatformSpec) { spec.Services.Realtime.Replicas = nil })
	s.awaitReady(t, time.Minute)
}

func (s *suite) missingImage(t *testing.T) {
	l := s.talk(t)
	s.change(t, func(spec *v1alpha1.ChatPlatformSpec) { spec.Version = "never-built" })
	await(t, time.Minute, func(ctx context.Context) (string, error) {
		p, err := s.platform(ctx)
		if err != nil {
			return "", err
		}
		c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
		if c.Status != metav1.ConditionFalse || c.Reason != "RolloutFailed" ||
			!strings.Contains(c.Message, "pod "+platform+"-") || !strings.Contains(c.Message, "never-built") ||
			!strings.Contains(c.Message, "ErrImagePull") && !strings.Contains(c.Message, "ImagePullBackOff") {
			return fmt.Sprintf("Ready is %s: %s: %s", c.Status, c.Reason, c.Message), nil
		}
		t.Log(c.Message)
		return "", nil
	})
	l.awaitMore(t, 20) // The old pods go on.
	s.change(t, func(spec *v1alpha1.ChatPlatformSpec) { spec.Version = version })
	t.Logf("mended after %s", s.awaitReady(t, time.Minute).Round(100*time.Millisecond))
	l.finish(t)
}

func (s *suite) upgrade(t *testing.T) {
	l := s.talk(t)
	s.change(t, func(spec *v1alpha1.ChatPlatformSpec) { spec.Version = nextVersion })
	t.Logf("upgraded after %s", s.awaitReady(t, 4*time.Minute).Round(100*time.Millisecond))
	// Also while the last of the old pods end.
	await(t, 2*time.Minute, func(ctx context.Context) (string, error) {
		list := &corev1.PodList{}
		err := s.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{"app.kubernetes.io/part-of": "moim"})
		for i := range list.Items {
			pod := &list.Items[i]
			if image := pod.Spec.Containers[0].Image; pod.Annotations["dapr.io/enabled"] == "true" && !strings.HasSuffix(image, ":"+nextVersion) {
				return fmt.Sprintf("pod %s is still there, with %s", pod.Name, image), err
			}
		}
		return "", err
	})
	l.awaitMore(t, 20)
	l.finish(t)
	p, err := s.platform(t.Context())
	if err != nil || p.Status.Version != nextVersion {
		t.Errorf("the version is %s: %v", p.Status.Version, err)
	}
}
