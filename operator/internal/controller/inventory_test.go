package controller

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// keepsDataThatIsNotUsed: a change of the spec, which may be a mistake, never takes data with it.
func keepsDataThatIsNotUsed(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Trial: v1alpha1.TrialSpec{DeletionPolicy: v1alpha1.Delete}})
	c.ready(t, p)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "database"}, Data: map[string][]byte{"dsn": []byte("postgres://db.example.com/moim")}}
	if err := c.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	watching, err := client.NewWithWatch(c.config, client.Options{Scheme: c.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	w, err := watching.Watch(t.Context(), &appsv1.StatefulSetList{}, client.InNamespace(namespace), client.MatchingFields{"metadata.name": "demo-postgres"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	password := get(t, c, namespace, "demo-postgres", &corev1.Secret{}).Data["password"]
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) {
		s.Database = &v1alpha1.DatabaseSpec{SecretRef: corev1.LocalObjectReference{Name: "database"}}
	})
	c.await(t, p, "without Postgres", func() bool { return !c.exists(t, namespace, "demo-postgres", &appsv1.StatefulSet{}) })
	for event := range w.ResultChan() {
		set, ok := event.Object.(*appsv1.StatefulSet)
		if !ok {
			t.Fatalf("watching ended with %v", event.Object)
		}
		if event.Type != watch.Deleted {
			continue
		}
		retained := set.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted == appsv1.RetainPersistentVolumeClaimRetentionPolicyType
		if !retained || set.Status.ObservedGeneration != set.Generation {
			t.Error("its volume went with it")
		}
		break
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Database = nil })
	c.ready(t, p)
	if now := get(t, c, namespace, "demo-postgres", &corev1.Secret{}).Data["password"]; string(now) != string(password) {
		t.Error("the password is another")
	}
}

// TestInventory: what is made is on record before.
func TestInventory(t *testing.T) {
	c := newCluster(t)
	c.operate(t, defaults)
	namespace := c.namespace(t)
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	first := func(t *testing.T, of string) {
		t.Helper()
		c.ready(t, p)
		writes := c.writes.take()
		isMade := func(w string) bool { return strings.Contains(w, of) && !strings.HasSuffix(w, " All") }
		recorded := slices.Index(writes, "PATCH /apis/moim.dev/v1alpha1/namespaces/"+namespace+"/chatplatforms/demo/status")
		if made := slices.IndexFunc(writes, isMade); recorded < 0 || made < recorded {
			t.Errorf("the record came %d., %s %d.:\n%s", recorded, of, made, strings.Join(writes, "\n"))
		}
	}
	first(t, "/secrets/")
	c.idle(t, p)
	c.writes.take()
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Ingress = &v1alpha1.IngressSpec{Host: "chat.example.com"} })
	first(t, "/ingresses/")
}
