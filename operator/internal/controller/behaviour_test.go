package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// TestController has one API server and one operator, and a namespace for each case.
func TestController(t *testing.T) {
	c := newCluster(t)
	c.operate(t, defaults)
	for name, test := range map[string]func(*testing.T, *cluster, string){
		"stages":          rollsOutInStages,
		"drift":           healsDrift,
		"foreign fields":  keepsForeignFields,
		"prune":           prunesAfterAGoodApply,
		"autoscaling":     leavesReplicasToTheAutoscaler,
		"to autoscaling":  handsReplicasOver,
		"to replicas":     takesReplicasBack,
		"scaled to none":  startsWhatIsAutoscaledAgain,
		"broken spec":     saysWhichFieldIsBroken,
		"missing secret":  saysWhichSecretIsMissing,
		"missing sidecar": namesPodsWithoutSidecar,
		"failed rollout":  givesThePodsReason,
		"suspend":         suspends,
		"two in one":      sharesANamespace,
		"owners":          ownsWhatGoesWithIt,
		"refused spec":    changesNothingThatIsRefused,
		"recreated":       makesAnewWhatCannotChange,
		"taken names":     takesNothingOver,
		"yet to come":     plansWhatIsYetToCome,
		"deleted secret":  remakesWhatCanBe,
		"lost secret":     waitsForWhatIsLost,
		"no node":         waitsForANode,
		"no pod":          givesTheDeploymentsReason,
		"monitors":        monitorsWhereThereAreMonitors,
		"unused data":     keepsDataThatIsNotUsed,
		"outage":          goesOnBesideWhatIsAway,
		"failed version":  forgetsAVersionThatFailed,
	} {
		t.Run(name, func(t *testing.T) { test(t, c, c.namespace(t)) })
	}
}

func rollsOutInStages(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	is := func(condition, reason string) func() bool {
		return func() bool {
			found := meta.FindStatusCondition(p.Status.Conditions, condition)
			return found != nil && found.Reason == reason
		}
	}
	c.await(t, p, "waiting for postgres", is(v1alpha1.ConditionReady, "Progressing"), "postgres", "redis", "auth", "realtime")
	if c.exists(t, namespace, "demo-auth", &appsv1.Deployment{}) {
		t.Error("auth is there before its database")
	}
	c.await(t, p, "waiting for auth", func() bool { return p.Status.Services == "5/7" }, "auth", "realtime")
	if c.exists(t, namespace, "demo-realtime", &appsv1.StatefulSet{}) {
		t.Error("realtime is there before auth")
	}
	c.ready(t, p)
	if p.Status.Services != "7/7" || p.Status.Version != "0.1.0" {
		t.Errorf("services %s, version %s", p.Status.Services, p.Status.Version)
	}
	for _, condition := range p.Status.Conditions {
		if condition.ObservedGeneration != p.Generation {
			t.Errorf("%s is about generation %d of %d", condition.Type, condition.ObservedGeneration, p.Generation)
		}
	}
	if len(p.Status.Conditions) != 6 {
		t.Errorf("conditions:\n%s", describe(p))
	}
}

// TestSteadyState: when nothing changes, nothing is written, also when everything is looked at again.
func TestSteadyState(t *testing.T) {
	c := newCluster(t)
	c.operate(t, defaults)
	namespace := c.namespace(t)
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{
		Ingress: &v1alpha1.IngressSpec{Host: "chat.example.com", Annotations: map[string]string{"empty": ""}},
		PubSub:  &v1alpha1.ComponentSpec{Type: "pubsub.kafka", Metadata: []v1alpha1.MetadataItem{{Name: "brokers", Value: new("")}}},
		Services: v1alpha1.ServicesSpec{User: autoscaled(1, 9), Message: v1alpha1.ServiceSpec{
			Replicas:    new(int32(0)),
			Resources:   &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000m")}},
			Env:         []corev1.EnvVar{{Name: "EMPTY"}, {Name: "SOURCE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}},
			PodTemplate: &runtime.RawExtension{Raw: []byte(`{"spec":{"hostNetwork":false,"shareProcessNamespace":false,"priority":0,"volumes":[{"name":"x","emptyDir":{}}]}}`)},
		}},
		Observability: v1alpha1.ObservabilitySpec{Tracing: &v1alpha1.TracingSpec{Endpoint: "http://collector:4318"}},
		NetworkPolicy: v1alpha1.NetworkPolicySpec{IngressFrom: []v1alpha1.NetworkPeer{{NamespaceSelector: &metav1.LabelSelector{}}}},
	})
	c.ready(t, p)
	c.idle(t, p)
	c.writes.take()
	// A touch of a workload's status has the platform looked at again.
	for i := range int32(3) {
		seen := outcome("done")
		d := get(t, c, namespace, "demo-chat", &appsv1.Deployment{})
		d.Status.CollisionCount = new(i)
		c.status(t, d)
		c.eventually(t, "looked at again", func() bool { return outcome("done") > seen }, func() string { return describe(p) })
		c.idle(t, p)
	}
	if writes := c.writes.take(); len(writes) > 0 {
		t.Errorf("wrote %v", writes)
	}
}

func healsDrift(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	began := time.Now()
	if err := c.Delete(t.Context(), get(t, c, namespace, "demo-settings", &corev1.ConfigMap{})); err != nil {
		t.Fatal(err)
	}
	service := get(t, c, namespace, "demo-chat", &corev1.Service{})
	service.Spec.Ports[0].Port = 8888
	if err := c.Update(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	deployment := get(t, c, namespace, "demo-user", &appsv1.Deployment{})
	deployment.Spec.Template.Spec.Containers[0].Image = "evil"
	if err := c.Update(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	policy := get(t, c, namespace, "demo-redis", &networkingv1.NetworkPolicy{})
	policy.Spec.Ingress = append(policy.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
	if err := c.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	opened := get(t, c, namespace, "demo-postgres", &networkingv1.NetworkPolicy{})
	opened.Spec.Ingress[0].Ports = append(opened.Spec.Ingress[0].Ports, networkingv1.NetworkPolicyPort{})
	if err := c.Update(t.Context(), opened); err != nil {
		t.Fatal(err)
	}
	account := get(t, c, namespace, "demo-chat", &corev1.ServiceAccount{})
	account.AutomountServiceAccountToken = nil
	if err := c.Update(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	c.eventually(t, "healed", func() bool {
		c.settle(t, namespace)
		service, deployment, policy := &corev1.Service{}, &appsv1.Deployment{}, &networkingv1.NetworkPolicy{}
		opened, account := &networkingv1.NetworkPolicy{}, &corev1.ServiceAccount{}
		return c.exists(t, namespace, "demo-settings", &corev1.ConfigMap{}) &&
			c.exists(t, namespace, "demo-chat", service) && len(service.Spec.Ports) == 2 && service.Spec.Ports[0].Port == 8080 &&
			c.exists(t, namespace, "demo-user", deployment) && deployment.Spec.Template.Spec.Containers[0].Image == "registry.example.com/moim/user:0.1.0" &&
			c.exists(t, namespace, "demo-redis", policy) && len(policy.Spec.Ingress) == 1 &&
			c.exists(t, namespace, "demo-postgres", opened) && len(opened.Spec.Ingress[0].Ports) == 1 &&
			c.exists(t, namespace, "demo-chat", account) && account.AutomountServiceAccountToken != nil
	}, func() string { return describe(p) })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func keepsForeignFields(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	d := get(t, c, namespace, "demo-user", &appsv1.Deployment{})
	d.Annotations = map[string]string{"moim.dev/applied": d.Annotations["moim.dev/applied"], "team.example.com/owner": "user"}
	d.Spec.Template.Spec.NodeSelector = map[string]string{"disk": "fast"}
	if err := c.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Version = "0.2.0" })
	c.ready(t, p)
	d = get(t, c, namespace, "demo-user", &appsv1.Deployment{})
	if d.Spec.Template.Spec.Containers[0].Image != "registry.example.com/moim/user:0.2.0" {
		t.Errorf("image %s", d.Spec.Template.Spec.Containers[0].Image)
	}
	if d.Annotations["team.example.com/owner"] != "user" || d.Spec.Template.Spec.NodeSelector["disk"] != "fast" {
		t.Error("what others had set is gone")
	}
}

func prunesAfterAGoodApply(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Ingress: &v1alpha1.IngressSpec{Host: "chat.example.com"}})
	c.ready(t, p)
	ingress := get(t, c, namespace, "demo-ingress", &networkingv1.Ingress{})
	// Not while a rollout is under way that may never end.
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Ingress, s.Version = nil, "0.2.0" })
	c.await(t, p, "rolling out", func() bool { return p.Status.Services == "6/7" }, "auth", "realtime")
	if !c.exists(t, namespace, ingress.Name, ingress) {
		t.Error("the ingress went before the rollout was over")
	}
	c.ready(t, p)
	c.eventually(t, "pruned", func() bool { return !c.exists(t, namespace, "demo-ingress", ingress) }, func() string { return describe(p) })
	if slices.ContainsFunc(p.Status.Inventory, func(r v1alpha1.ObjectReference) bool { return r.Kind == "Ingress" }) {
		t.Error("the inventory still has it")
	}
}

func saysWhichFieldIsBroken(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	before := get(t, c, namespace, "demo-user", &appsv1.Deployment{})
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) {
		s.Version = "0.2.0"
		s.Services.Chat.PodTemplate = &runtime.RawExtension{Raw: []byte(`{"spec":{"containers":"none"}}`)}
	})
	c.await(t, p, "Stalled", func() bool {
		stalled := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionStalled)
		return stalled.Status == metav1.ConditionTrue && strings.Contains(stalled.Message, "spec.services.chat.podTemplate")
	})
	if meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady) {
		t.Error("it is Ready")
	}
	if after := get(t, c, namespace, "demo-user", &appsv1.Deployment{}); after.Generation != before.Generation {
		t.Error("something was changed")
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Services = v1alpha1.ServicesSpec{} })
	c.ready(t, p)
}

func saysWhichSecretIsMissing(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Database: &v1alpha1.DatabaseSpec{SecretRef: corev1.LocalObjectReference{Name: "database"}}})
	c.await(t, p, "waiting for the Secret", func() bool {
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
		return ready.Reason == "SecretNotFound" && strings.Contains(ready.Message, "database")
	})
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "database"}, Data: map[string][]byte{"dsn": []byte("postgres://db.example.com/moim")}}
	if err := c.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.ready(t, p)
	if dsn := get(t, c, namespace, "demo-chat", &corev1.Secret{}).Data["dsn"]; string(dsn) != "postgres://db.example.com/moim" {
		t.Errorf("chat's DSN is %s", dsn)
	}
	if c.exists(t, namespace, "demo-postgres", &appsv1.StatefulSet{}) {
		t.Error("there is a Postgres for trial, too")
	}
}

// suspended says whether the operator has seen that it is to keep its hands off.
func (c *cluster) suspended(t *testing.T, p *v1alpha1.ChatPlatform) bool {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
		t.Fatal(err)
	}
	found := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReconciling)
	return found.Reason == "Suspended" && found.ObservedGeneration == p.Generation
}

func suspends(t *testing.T, c *cluster, namespace string) {
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{Ingress: &v1alpha1.IngressSpec{Host: "chat.example.com"}})
	c.ready(t, p)
	before := p.Status
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Suspend, s.Version, s.Ingress = true, "0.2.0", nil })
	c.eventually(t, "suspended", func() bool { return c.suspended(t, p) }, func() string { return describe(p) })
	// The rest of the status is about the spec that was carried out.
	notReconciling := func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionReconciling }
	before.Conditions, p.Status.Conditions = slices.DeleteFunc(before.Conditions, notReconciling), slices.DeleteFunc(p.Status.Conditions, notReconciling)
	if diff := cmp.Diff(before, p.Status); diff != "" {
		t.Errorf("it changed:\n%s", diff)
	}
	if err := c.Delete(t.Context(), get(t, c, namespace, "demo-settings", &corev1.ConfigMap{})); err != nil {
		t.Fatal(err)
	}
	if image := get(t, c, namespace, "demo-chat", &appsv1.Deployment{}).Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, ":0.1.0") {
		t.Errorf("it was rolled out: %s", image)
	}
	c.change(t, p, func(s *v1alpha1.ChatPlatformSpec) { s.Suspend = false })
	c.ready(t, p)
	if !c.exists(t, namespace, "demo-settings", &corev1.ConfigMap{}) || p.Status.Version != "0.2.0" {
		t.Errorf("it wasn't taken up again: version %s", p.Status.Version)
	}
}

func sharesANamespace(t *testing.T, c *cluster, namespace string) {
	one := c.platform(t, namespace, "one", v1alpha1.ChatPlatformSpec{Ingress: &v1alpha1.IngressSpec{Host: "one.example.com"}})
	two := c.platform(t, namespace, "two", v1alpha1.ChatPlatformSpec{})
	c.ready(t, one)
	c.ready(t, two)
	c.change(t, one, func(s *v1alpha1.ChatPlatformSpec) { s.Ingress = nil })
	c.ready(t, one)
	c.ready(t, two)
	for _, ref := range two.Status.Inventory {
		if !strings.HasPrefix(ref.Name, "two-") {
			t.Errorf("two has %s %s", ref.Kind, ref.Name)
		}
	}
}

// ownsWhatGoesWithIt: all but the Secrets is owned, so that the cluster deletes it with the platform; volumes and the passwords that open
// them stay unless the spec says otherwise.
func ownsWhatGoesWithIt(t *testing.T, c *cluster, namespace string) {
	for policy, kept := range map[v1alpha1.DeletionPolicy]bool{"": true, v1alpha1.Delete: false} {
		name := "p" + strings.ToLower(string(policy))
		p := c.platform(t, namespace, name, v1alpha1.ChatPlatformSpec{Trial: v1alpha1.TrialSpec{DeletionPolicy: policy}})
		c.ready(t, p)
		for _, ref := range p.Status.Inventory {
			o := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: strings.TrimPrefix(ref.Group+"/"+ref.Version, "/"), Kind: ref.Kind}}
			owners := get(t, c, namespace, ref.Name, o).OwnerReferences
			if wantOwned := ref.Kind != "Secret" || !kept; wantOwned != (len(owners) == 1) {
				t.Errorf("policy %q: %s %s has the owners %v", policy, ref.Kind, ref.Name, owners)
			}
		}
		retention := get(t, c, namespace, name+"-postgres", &appsv1.StatefulSet{}).Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted
		if (retention == appsv1.RetainPersistentVolumeClaimRetentionPolicyType) != kept {
			t.Errorf("policy %q: volumes are to %s", policy, retention)
		}
	}
}

// TestAnotherOperator: neither a restart nor an upgrade of the operator changes a pod, or a secret. The stores were made by one that had
// their pods begin in order.
func TestAnotherOperator(t *testing.T) {
	c := newCluster(t)
	namespace := c.namespace(t)
	stop := c.operate(t, defaults)
	p := c.platform(t, namespace, "demo", v1alpha1.ChatPlatformSpec{})
	c.ready(t, p)
	snapshot := func() map[string]any {
		secrets, deployments, sets, all := &corev1.SecretList{}, &appsv1.DeploymentList{}, &appsv1.StatefulSetList{}, map[string]any{}
		for _, list := range []client.ObjectList{secrets, deployments, sets} {
			if err := c.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range secrets.Items {
			all["Secret "+s.Name] = s.Data
		}
		for _, d := range deployments.Items {
			all["Deployment "+d.Name] = d.Spec.Template
		}
		for _, s := range sets.Items {
			all["StatefulSet "+s.Name] = s.Spec
		}
		return all
	}
	stop()
	store := get(t, c, namespace, "demo-redis", &appsv1.StatefulSet{})
	if err := c.Delete(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	store.ResourceVersion, store.UID, store.Spec.PodManagementPolicy = "", "", appsv1.OrderedReadyPodManagement
	if err := c.Create(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	c.settle(t, namespace)
	before := snapshot()
	upgraded := defaults
	upgraded.Version = "0.9.0"
	seen := outcome("done")
	c.operate(t, upgraded)
	c.eventually(t, "looked at by the new one", func() bool { return outcome("done") > seen }, func() string { return describe(p) })
	c.ready(t, p)
	if diff := cmp.Diff(before, snapshot()); diff != "" {
		t.Errorf("it changed:\n%s", diff)
	}
	if p.Status.Version != "0.1.0" {
		t.Errorf("version %s", p.Status.Version)
	}
}
