//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// await asks again and again until the answer is empty: it is what is still missing.
func await(t *testing.T, limit time.Duration, missing func(context.Context) (string, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		what, err := missing(ctx)
		if err == nil && what == "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("after %s: %s %v", limit, what, err)
		}
	}
}

// create makes the platform; nothing is in its spec but the way in and where this cluster has the images.
func (s *suite) create(t *testing.T) {
	t.Helper()
	p := &v1alpha1.ChatPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: platform},
		Spec:       v1alpha1.ChatPlatformSpec{Ingress: &v1alpha1.IngressSpec{Host: host}, Image: v1alpha1.ImageSpec{PullPolicy: s.pull}},
	}
	if err := s.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func (s *suite) platform(ctx context.Context) (*v1alpha1.ChatPlatform, error) {
	p := &v1alpha1.ChatPlatform{}
	return p, s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: platform}, p)
}

// change changes the platform's spec.
func (s *suite) change(t *testing.T, change func(*v1alpha1.ChatPlatformSpec)) {
	t.Helper()
	p, err := s.platform(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := p.DeepCopy()
	change(&p.Spec)
	if err := s.Patch(t.Context(), p, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// awaitReady waits for the platform to be what its spec says now, and returns how long that took.
func (s *suite) awaitReady(t *testing.T, limit time.Duration) time.Duration {
	t.Helper()
	return s.awaitReadyOf(t, platform, limit)
}

func (s *suite) awaitReadyOf(t *testing.T, name string, limit time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	await(t, limit, func(ctx context.Context) (string, error) {
		p := &v1alpha1.ChatPlatform{}
		if err := s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p); err != nil {
			return "", err
		}
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
		switch {
		case ready == nil:
			return "the platform has no condition Ready", nil
		case ready.ObservedGeneration != p.Generation:
			return "the operator hasn't seen the change", nil
		case ready.Status != metav1.ConditionTrue:
			return fmt.Sprintf("the platform is not ready: %s: %s", ready.Reason, ready.Message), nil
		}
		return "", nil
	})
	return time.Since(began)
}

// running returns the names of the platform's pods, each with how often its containers were restarted.
func (s *suite) running(t *testing.T) map[string]int32 {
	t.Helper()
	list := &corev1.PodList{}
	if err := s.List(t.Context(), list, client.InNamespace(namespace), client.MatchingLabels{"moim.dev/platform": platform}); err != nil {
		t.Fatal(err)
	}
	out := map[string]int32{}
	for i := range list.Items {
		pod := &list.Items[i]
		for j := range pod.Status.ContainerStatuses {
			out[pod.Name+" "+string(pod.UID)] += pod.Status.ContainerStatuses[j].RestartCount
		}
	}
	return out
}

// tell logs the state of everything, for whoever looks into a failure.
func (s *suite) tell(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if p, err := s.platform(ctx); err == nil {
		for _, c := range p.Status.Conditions {
			t.Logf("condition %s=%s (generation %d of %d) %s: %s", c.Type, c.Status, c.ObservedGeneration, p.Generation, c.Reason, c.Message)
		}
	} else if !apierrors.IsNotFound(err) {
		t.Log(err)
	}
	for _, ns := range []string{namespace, operatorNamespace} {
		list := &corev1.PodList{}
		if err := s.List(ctx, list, client.InNamespace(ns)); err != nil {
			t.Log(err)
			continue
		}
		for i := range list.Items {
			s.tellPod(ctx, t, &list.Items[i])
		}
	}
}

func (s *suite) tellPod(ctx context.Context, t *testing.T, pod *corev1.Pod) {
	t.Helper()
	t.Logf("pod %s is %s", pod.Name, pod.Status.Phase)
	for i := range pod.Spec.Containers {
		container := pod.Spec.Containers[i].Name
		log, err := s.pods.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container, TailLines: new(int64(8))}).DoRaw(ctx)
		if err == nil && len(log) > 0 {
			t.Logf("%s %s:\n%s", pod.Name, container, strings.TrimSpace(string(log)))
		}
	}
}
