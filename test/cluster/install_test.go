//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

const (
	release           = "moim-operator"
	operatorNamespace = "moim-system"
)

func helm(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "helm", args...).CombinedOutput(); err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (s *suite) install(t *testing.T) {
	others := &v1alpha1.ChatPlatformList{}
	if err := s.List(t.Context(), others); err == nil {
		for i := range others.Items {
			if p := &others.Items[i]; p.Namespace != namespace {
				t.Fatalf("the cluster is in use: namespace %s has the platform %s", p.Namespace, p.Name)
			}
		}
	}
	s.deleteNamespace(t)
	helm(t, "uninstall", release, "--namespace", operatorNamespace, "--ignore-not-found", "--wait") // Images have the same tags as before.
	for _, name := range []string{namespace, operatorNamespace} {
		err := s.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		}})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	helm(t, "upgrade", "--install", release, "../../charts/moim-operator", "--namespace", operatorNamespace, "--wait", "--timeout", "2m",
		"--set", "image.repository="+s.registry+"/operator", "--set", "image.tag="+version, "--set", "image.pullPolicy="+string(s.pull),
		"--set", "platforms.imageRegistry="+s.registry, "--set", "platforms.version="+version,
		"--set", "platforms.redisImage="+s.redis, "--set", "platforms.postgresImage="+s.postgres)
}

// deleteNamespace removes what an earlier run left behind.
func (s *suite) deleteNamespace(t *testing.T) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := s.Delete(t.Context(), ns); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	await(t, 3*time.Minute, func(ctx context.Context) (string, error) {
		err := s.Get(ctx, client.ObjectKeyFromObject(ns), ns)
		if apierrors.IsNotFound(err) {
			return "", nil
		}
		return "namespace " + namespace + " is still being deleted", err
	})
}

func (s *suite) minimal(t *testing.T) {
	s.create(t)
	took := s.awaitReady(t, 2*time.Minute)
	t.Logf("ready after %s", took.Round(100*time.Millisecond))
	p, err := s.platform(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, condition := range []string{v1alpha1.ConditionServicesAvailable, v1alpha1.ConditionDaprReady} {
		if !meta.IsStatusConditionTrue(p.Status.Conditions, condition) {
			t.Errorf("it is ready, and %s is %+v", condition, meta.FindStatusCondition(p.Status.Conditions, condition))
		}
	}
	if want := "http://" + host; p.Status.URL != want || p.Status.Version != version || p.Status.Services != "7/7" {
		t.Errorf("url %s, version %s, services %s", p.Status.URL, p.Status.Version, p.Status.Services)
	}
	await(t, 15*time.Second, func(ctx context.Context) (string, error) {
		p, err := s.platform(ctx)
		if err != nil || !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionIngressReady) {
			return "the ingress has no address", err
		}
		return page(ctx)
	})
}

// page says what is wrong with the platform's first page, seen from outside.
func page(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "<title>Moim") {
		return fmt.Sprintf("the page is %s: %.200s", resp.Status, body), nil
	}
	return "", nil
}

// deletion deletes the platform and makes it again.
func (s *suite) deletion(t *testing.T) {
	s.delete(t)
	secrets, volumes := &corev1.SecretList{}, &corev1.PersistentVolumeClaimList{}
	for _, kept := range []client.ObjectList{secrets, volumes} {
		if err := s.List(t.Context(), kept, client.InNamespace(namespace), client.MatchingLabels{"moim.dev/platform": platform}); err != nil {
			t.Fatal(err)
		}
	}
	if len(secrets.Items) == 0 || len(volumes.Items) != 2 {
		t.Errorf("%d Secrets and %d volumes are left", len(secrets.Items), len(volumes.Items))
	}
	s.create(t)
	t.Logf("ready again after %s", s.awaitReady(t, 2*time.Minute).Round(100*time.Millisecond))
	await(t, 15*time.Second, func(ctx context.Context) (string, error) { return page(ctx) })
	before, err := visitor().LogIn(t.Context(), s.people[0].UserID, password)
	if err != nil {
		t.Fatal(err)
	}
	history, err := before.History(t.Context(), s.room.ID, 0)
	if err != nil || len(history) == 0 {
		t.Errorf("the room has %d messages: %v", len(history), err)
	}
}

// delete deletes the platform and waits until everything that goes with it is gone, or ends.
func (s *suite) delete(t *testing.T) {
	t.Helper()
	p, err := s.platform(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	kinds := map[string][]string{
		"v1":                           {"Pod", "Service", "ConfigMap", "ServiceAccount"},
		"apps/v1":                      {"Deployment", "StatefulSet"},
		"rbac.authorization.k8s.io/v1": {"Role", "RoleBinding"},
		"policy/v1":                    {"PodDisruptionBudget"},
		"autoscaling/v2":               {"HorizontalPodAutoscaler"},
		"networking.k8s.io/v1":         {"Ingress", "NetworkPolicy"},
		"dapr.io/v1alpha1":             {"Component", "Configuration", "Resiliency"},
	}
	await(t, 2*time.Minute, func(ctx context.Context) (string, error) {
		if _, err := s.platform(ctx); !apierrors.IsNotFound(err) {
			return "the platform is still there", err
		}
		for group, kinds := range kinds {
			for _, kind := range kinds {
				list := &unstructured.UnstructuredList{}
				list.SetAPIVersion(group)
				list.SetKind(kind + "List")
				if err := s.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{"moim.dev/platform": platform}); err != nil {
					return "", err
				}
				if kind == "Pod" { // They go on for a while, for others to find out.
					list.Items = slices.DeleteFunc(list.Items, func(pod unstructured.Unstructured) bool { return pod.GetDeletionTimestamp() != nil })
				}
				if len(list.Items) > 0 {
					return fmt.Sprintf("%s %s is still there", kind, list.Items[0].GetName()), nil
				}
			}
		}
		return "", nil
	})
}

func (s *suite) uninstall(t *testing.T) {
	before := s.running(t)
	helm(t, "uninstall", release, "--namespace", operatorNamespace, "--wait")
	if _, err := s.platform(t.Context()); err != nil {
		t.Fatalf("the platform went with the operator: %v", err)
	}
	if wrong, err := page(t.Context()); wrong != "" || err != nil {
		t.Error(wrong, err)
	}
	if after := s.running(t); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("pods were %v and are %v", before, after)
	}
	s.delete(t) // It needs no operator.
	var ingress networkingv1.IngressList
	if err := s.List(t.Context(), &ingress, client.InNamespace(namespace)); err != nil || len(ingress.Items) > 0 {
		t.Errorf("%d ingresses are left: %v", len(ingress.Items), err)
	}
	if err := s.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Error(err)
	}
}
