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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

const broker = "broker"

// swapBroker has events and broadcasts go through a broker of the user's own, and then through the one for trial again.
func (s *suite) swapBroker(t *testing.T) {
	s.startBroker(t)
	own := &v1alpha1.ComponentSpec{Type: "pubsub.redis", Metadata: []v1alpha1.MetadataItem{{Name: "redisHost", Value: new(broker + ":6379")}}}
	l := s.talk(t)
	for i, spec := range []*v1alpha1.ComponentSpec{own, nil} {
		s.change(t, func(p *v1alpha1.ChatPlatformSpec) { p.PubSub, p.Fanout = spec, spec })
		t.Logf("swapped after %s", s.awaitReady(t, 3*time.Minute).Round(100*time.Millisecond))
		l.awaitMore(t, 40)
		records, err := visitor().SignUp(t.Context(), fmt.Sprintf("swapper-%d", i), password)
		if err != nil {
			t.Fatal(err)
		}
		if last := records[len(records)-1]; last.Status != "complete" {
			t.Errorf("a signup ends with %+v", last)
		}
	}
	l.finish(t)
	if topics := s.ask(t, "redis-cli", "-h", broker, "--scan"); !strings.Contains(topics, "user.newUser") {
		t.Errorf("the broker has seen %q", topics)
	}
}

// startBroker starts a Redis, as somebody else's.
func (s *suite) startBroker(t *testing.T) {
	t.Helper()
	labels := map[string]string{"app": broker}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: broker}
	pod := s.pod("redis-server", "--save", "")
	pod.Containers[0].ReadinessProbe = &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"redis-cli", "ping"}}}, PeriodSeconds: 1,
	}
	for _, object := range []client.Object{
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
		}},
		&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
			Selector: labels, Ports: []corev1.ServicePort{{Port: 6379, TargetPort: intstr.FromInt32(6379)}},
		}},
	} {
		if err := s.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	await(t, time.Minute, func(ctx context.Context) (string, error) {
		deployment := &appsv1.Deployment{}
		if err := s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: broker}, deployment); err != nil {
			return "", err
		}
		if deployment.Status.ReadyReplicas == 0 {
			return "the broker is not ready", nil
		}
		return "", nil
	})
}

// ask runs a command of the Redis image to its end and returns what it printed.
func (s *suite) ask(t *testing.T, command ...string) string {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "ask-"}, Spec: s.pod(command...)}
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	if err := s.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	await(t, time.Minute, func(ctx context.Context) (string, error) {
		if err := s.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return "", err
		}
		if phase := pod.Status.Phase; phase != corev1.PodSucceeded && phase != corev1.PodFailed {
			return fmt.Sprintf("%v is %s", command, phase), nil
		}
		return "", nil
	})
	out, err := s.pods.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// pod runs a command of the Redis image under the restricted Pod Security Standard.
func (s *suite) pod(command ...string) corev1.PodSpec {
	return corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(int64(999)), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: "redis", Image: s.redis, Command: command,
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}
