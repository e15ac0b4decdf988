package controller

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// remakesWhatCanBe: the password of Postgres is in other Secrets, and a service follows a token of any value.
func remakesWhatCanBe(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	for name, free := range map[string]bool{"demo-postgres": false, "demo-chat": false, "demo-chat-token": true} {
		before := get(t, c, namespace, name, &corev1.Secret{})
		if err := c.Delete(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		after := &corev1.Secret{}
		c.eventually(t, name+" made anew", func() bool { return c.exists(t, namespace, name, after) }, func() string { return describe(p) })
		if diff := cmp.Diff(before.Data, after.Data); !free && diff != "" || len(after.Data) != len(before.Data) {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	c.ready(t, p)
}

// waitsForWhatIsLost: new signing keys would not open what is sealed with the old ones.
func waitsForWhatIsLost(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	for name, empty := range map[string]bool{"demo-auth": false, "demo-redis": true} {
		before := get(t, c, namespace, name, &corev1.Secret{})
		c.await(t, p, "Stalled for SecretLost: "+name, func() bool {
			live := &corev1.Secret{}
			if c.exists(t, namespace, name, live) { // Also when a reconciliation that had read it has made the same one again, which is no loss.
				if diff := cmp.Diff(before.Data, live.Data); diff != "" {
					t.Fatalf("%s was made anew:\n%s", name, diff)
				}
				if err := c.Delete(t.Context(), live); client.IgnoreNotFound(err) != nil {
					t.Fatal(err)
				}
			}
			found := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionStalled)
			return found.Reason == "SecretLost" && strings.Contains(found.Message, name)
		})
		if c.exists(t, namespace, name, &corev1.Secret{}) {
			t.Errorf("%s was made anew", name)
		}
		restored := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: before.Labels}}
		if !empty { // An empty one is somebody's word that new values will do.
			restored.Data = before.Data
		}
		if err := c.Create(t.Context(), restored); err != nil {
			t.Fatal(err)
		}
		c.ready(t, p)
		restored = get(t, c, namespace, name, restored)
		if diff := cmp.Diff(before.Data, restored.Data); len(restored.Data) != len(before.Data) || empty == (diff == "") {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
