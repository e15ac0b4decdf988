package controller

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
	"moim.dev/moim/operator/internal/engine"
)

// stalled waits until the platform is, for a reason and with words in the message.
func (c *cluster) stalled(t *testing.T, p *v1alpha1.ChatPlatform, reason, words string) {
	t.Helper()
	c.await(t, p, "Stalled for "+reason+": "+words, func() bool {
		found := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionStalled)
		return found.Status == metav1.ConditionTrue && found.Reason == reason && strings.Contains(found.Message, words) &&
			meta.IsStatusConditionFalse(p.Status.Conditions, v1alpha1.ConditionReady)
	})
}

// changesNothingThatIsRefused: what only the API server finds out about the spec, it finds out before anything is written or deleted.
func changesNothingThatIsRefused(t *testing.T, c *cluster, namespace string) {
	ingress := &v1alpha1.IngressSpec{Host: "chat.example.com"}
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Ingress: ingress})
	c.ready(t, p)
	policy := get(t, c, namespace, "demo-gateway", &networkingv1.NetworkPolicy{})
	user := get(t, c, namespace, "demo-user", &appsv1.Deployment{})
	source := &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}
	for name, test := range map[string]struct {
		spec  v1alpha1.ChatPlatformSpec
		field string
	}{
		"requests above limits": {v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{Message: v1alpha1.ServiceSpec{Resources: &corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")}, Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
		}}}}, "spec.services.message"},
		"a variable with two values": {v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{
			Chat: v1alpha1.ServiceSpec{Env: []corev1.EnvVar{{Name: "A", Value: "a", ValueFrom: source}}},
		}}, "spec.services.chat"},
		"a mount without a volume": {v1alpha1.ChatPlatformSpec{Services: v1alpha1.ServicesSpec{Realtime: v1alpha1.ServiceSpec{
			PodTemplate: &runtime.RawExtension{Raw: []byte(`{"spec":{"containers":[{"name":"realtime","volumeMounts":[{"name":"none","mountPath":"/none"}]}]}}`)},
		}}}, "spec.services.realtime"},
		"a selector without values": {v1alpha1.ChatPlatformSpec{NetworkPolicy: v1alpha1.NetworkPolicySpec{IngressFrom: []v1alpha1.NetworkPeer{{
			NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: metav1.LabelSelectorOpIn}}},
		}}}}, "spec.networkPolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) {
				*s = test.spec
				s.Version, s.Ingress = "0.2.0", ingress
			})
			c.stalled(t, p, "InvalidSpec", test.field+": ")
			if now := get(t, c, namespace, policy.Name, &networkingv1.NetworkPolicy{}); now.UID != policy.UID {
				t.Error("the network policy was deleted")
			}
			if now := get(t, c, namespace, user.Name, &appsv1.Deployment{}); now.Generation != user.Generation {
				t.Error("something was changed")
			}
		})
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { *s = v1alpha1.ChatPlatformSpec{Ingress: ingress} })
	c.ready(t, p)
}

// makesAnewWhatCannotChange: a role binding can't be changed to another role.
func makesAnewWhatCannotChange(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Suspend = true })
	c.eventually(t, "suspended", func() bool { return c.suspended(t, p) }, func() string { return describe(p) })
	binding := get(t, c, namespace, "demo-chat", &rbacv1.RoleBinding{})
	if err := c.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	binding.ResourceVersion, binding.UID, binding.RoleRef.Name = "", "", "another"
	if err := c.Create(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Suspend = false })
	c.ready(t, p)
	if role := get(t, c, namespace, "demo-chat", &rbacv1.RoleBinding{}).RoleRef.Name; role != "demo-chat" {
		t.Errorf("it binds to %s", role)
	}
}

// takesNothingOver: what somebody else has made under a name of the platform's stays theirs.
func takesNothingOver(t *testing.T, c *cluster, namespace string) {
	of := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	secret := &corev1.Secret{ObjectMeta: of("demo-postgres"), Data: map[string][]byte{"password": []byte("theirs")}}
	service := &corev1.Service{ObjectMeta: of("demo-redis"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1234}}}}
	// What it binds to can't be changed: the API server would refuse ours.
	binding := &rbacv1.RoleBinding{ObjectMeta: of("demo-chat"), RoleRef: rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "theirs"}}
	for _, err := range []error{c.Create(t.Context(), secret), c.Create(t.Context(), service), c.Create(t.Context(), binding)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.stalled(t, p, "NameTaken", "Secret demo-postgres")
	if err := c.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "0.1.1" }) // Sooner than it looks again.
	c.stalled(t, p, "NameTaken", "RoleBinding demo-chat")
	if err := c.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "0.1.2" })
	c.stalled(t, p, "NameTaken", "Service demo-redis")
	if now := get(t, c, namespace, service.Name, &corev1.Service{}); now.ResourceVersion != service.ResourceVersion {
		t.Error("the Service was changed")
	}
	if c.exists(t, namespace, "demo-chat", &corev1.Service{}) {
		t.Error("something was made nevertheless")
	}
	service = get(t, c, namespace, service.Name, &corev1.Service{})
	service.Labels = map[string]string{"moim.dev/platform": "demo"} // Now it is the platform's to have.
	if err := c.Update(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "0.1.3" })
	c.ready(t, p)
}

// plansWhatIsYetToCome: the API server lets only those who may do everything bind to a Role that isn't there, and the operator may not.
func plansWhatIsYetToCome(t *testing.T, c *cluster, namespace string) {
	user := rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: "operator-of-" + namespace}
	may := func(group string, resources ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: []string{"get", "create", "patch"}}
	}
	of := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	ref := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}
	}
	role := &rbacv1.Role{ObjectMeta: of("operator"), Rules: []rbacv1.PolicyRule{may(rbacv1.GroupName, "roles", "rolebindings"), may("", "secrets")}}
	bound := &rbacv1.RoleBinding{ObjectMeta: of("operator"), RoleRef: ref("operator"), Subjects: []rbacv1.Subject{user}}
	for _, err := range []error{c.Create(t.Context(), role), c.Create(t.Context(), bound)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	limited := rest.CopyConfig(c.config)
	limited.Impersonate = rest.ImpersonationConfig{UserName: user.Name}
	as, err := client.New(limited, client.Options{Scheme: c.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	e := &engine.Engine{Client: as, Live: as, Manager: "test", Owner: build.LabelPlatform}
	wanted := []client.Object{
		&rbacv1.Role{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"}, ObjectMeta: of("chat"),
			Rules: []rbacv1.PolicyRule{may("", "secrets")},
		},
		&rbacv1.RoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"}, ObjectMeta: of("chat"),
			RoleRef: ref("chat"), Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespace, Name: "chat"}},
		},
	}
	var plans []*engine.Plan
	for _, object := range wanted {
		plan, err := e.Plan(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, plan)
	}
	for _, plan := range plans {
		if _, err := e.Apply(t.Context(), plan); err != nil {
			t.Error(err)
		}
	}
}
