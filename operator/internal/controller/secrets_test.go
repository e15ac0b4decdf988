package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"moim.dev/moim/operator/api/v1alpha1"
)

// remakesWhatCanBe: the password of Postgres is in other Secrets, and a service follows a token of any value.
func remakesWhatCanBe(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	for name, same := range map[string]bool{"demo-postgres": true, "demo-chat": true, "demo-chat-token": false} {
		c.idle(t, p)
		before := get(t, c, namespace, name, &corev1.Secret{})
		if err := c.Delete(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		after := &corev1.Secret{}
		c.eventually(t, name+" made anew", func() bool { return c.exists(t, namespace, name, after) }, func() string { return describe(p) })
		if diff := cmp.Diff(before.Data, after.Data); same != (diff == "") {
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
		c.idle(t, p) // What has just been read is no loss.
		before := get(t, c, namespace, name, &corev1.Secret{})
		if err := c.Delete(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		c.stalled(t, p, "SecretLost", name)
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
