package engine

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestContains(t *testing.T) {
	for name, c := range map[string]struct {
		wanted, live string
		want         bool
	}{
		"the same":                       {"a: {b: 1}", "a: {b: 1}", true},
		"a field of somebody else's":     {"a: {b: 1}", "a: {b: 1, c: 2}", true},
		"another value":                  {"a: {b: 1}", "a: {b: 2}", false},
		"a field that is gone":           {"a: {b: 1}", "a: {}", false},
		"empty and absent":               {"a: {b: {}, c: [], d: null, e: {f: {}, g: null}}", "a: {}", true},
		"a false that is gone":           {"a: {b: false}", "a: {}", false},
		"a nought that is gone":          {"a: {b: 0}", "a: {}", false},
		"an empty text that is gone":     {"a: {b: ''}", "a: {}", false},
		"ports of a pod":                 {"kind: Deployment\nports: [{name: a}]", "kind: Deployment\nports: [{name: a}, {name: b}]", true},
		"ports of a Service":             {"kind: Service\nports: [{name: a}]", "kind: Service\nports: [{name: a}, {name: b}]", true},
		"ports that are let in":          {"kind: NetworkPolicy\nports: [{port: 1}]", "kind: NetworkPolicy\nports: [{port: 1}, {port: 2}]", false},
		"quantities":                     {"a: {cpu: 1000m, memory: 1Gi}", "a: {cpu: '1', memory: 1024Mi}", true},
		"another quantity":               {"a: {cpu: 1000m}", "a: {cpu: '2'}", false},
		"an env of somebody else's":      {"kind: Deployment\nenv: [{name: A, value: x}]", "kind: Deployment\nenv: [{name: B, value: y}, {name: A, value: x}]", true},
		"an env that was changed":        {"env: [{name: A, value: x}]", "env: [{name: A, value: y}]", false},
		"a container that was injected":  {"kind: StatefulSet\ncontainers: [{name: a}]", "kind: StatefulSet\ncontainers: [{name: a, image: i}, {name: daprd}]", true},
		"an item too many":               {"rules: [{a: 1}]", "rules: [{a: 1}, {a: 2}]", false},
		"another order":                  {"rules: [{a: 1}, {a: 2}]", "rules: [{a: 2}, {a: 1}]", false},
		"a volume that is mounted twice": {"kind: Deployment\nvolumeMounts: [{name: v, mountPath: /b}]", "kind: Deployment\nvolumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /b}]", true},
		"a mount elsewhere":              {"volumeMounts: [{name: v, mountPath: /b}]", "volumeMounts: [{name: v, mountPath: /a}]", false},
		"another kind of value":          {"a: {b: 1}", "a: [b]", false},
	} {
		t.Run(name, func(t *testing.T) {
			wanted := parse(t, c.wanted)
			kind, _ := wanted["kind"].(string)
			if got := contains(shared(kind), wanted, parse(t, c.live)); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHealth(t *testing.T) {
	const done = "metadata: {generation: 2}\nspec: {replicas: 2}\nstatus: {observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2}\n"
	for name, c := range map[string]struct {
		text   string
		want   bool
		scaled *Bounds
	}{
		"rolled out":                       {"kind: Deployment\n" + done, true, nil},
		"of another generation":            {"kind: Deployment\nmetadata: {generation: 3}\nspec: {replicas: 1}\nstatus: {observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1}", false, nil},
		"not updated":                      {"kind: StatefulSet\nmetadata: {generation: 2}\nspec: {replicas: 2}\nstatus: {observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 2}", false, nil},
		"with an old replica":              {"kind: Deployment\nmetadata: {generation: 2}\nspec: {replicas: 1}\nstatus: {observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 2}", false, nil},
		"not available":                    {"kind: Deployment\nmetadata: {generation: 2}\nspec: {replicas: 1}\nstatus: {observedGeneration: 2, replicas: 1, updatedReplicas: 1}", false, nil},
		"just made":                        {"kind: Deployment\nspec: {replicas: 0}", false, nil},
		"scaled to nothing":                {"kind: Deployment\nmetadata: {generation: 2}\nspec: {replicas: 0}\nstatus: {observedGeneration: 2}", true, nil},
		"no workload":                      {"kind: Secret", true, nil},
		"not yet scaled up":                {"kind: Deployment\nmetadata: {generation: 2}\nspec: {replicas: 4}\nstatus: {observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 2}", true, &Bounds{2, 9}},
		"scaled below its bounds":          {"kind: Deployment\nmetadata: {generation: 2}\nspec: {replicas: 1}\nstatus: {observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1}", false, &Bounds{2, 9}},
		"autoscaled and scaled to nothing": {"kind: Deployment\nmetadata: {generation: 2}\nspec: {replicas: 0}\nstatus: {observedGeneration: 2}", false, &Bounds{1, 9}},
		"autoscaled, with an old replica":  {"kind: Deployment\nmetadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 3, updatedReplicas: 2, availableReplicas: 3}", false, &Bounds{2, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			// As a client decodes it, numbers are int64.
			object := &unstructured.Unstructured{}
			raw, err := yaml.YAMLToJSON([]byte("apiVersion: v1\n" + c.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := object.UnmarshalJSON(raw); err != nil {
				t.Fatal(err)
			}
			if got, missing := Health(object, c.scaled); got != c.want || got != (missing == "") {
				t.Errorf("%v %q, want %v", got, missing, c.want)
			}
		})
	}
}

// TestConvert: the hash tells any change of what is wanted, and the status, which isn't ours, is no part of it.
func TestConvert(t *testing.T) {
	hash := func(d *appsv1.Deployment) string {
		object, err := convert(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := stamp(object); err != nil {
			t.Fatal(err)
		}
		if _, ok := object.Object["status"]; ok {
			t.Error("it has a status")
		}
		return object.GetAnnotations()[annotation]
	}
	a, b := &appsv1.Deployment{}, &appsv1.Deployment{}
	b.Status.Replicas = 3
	if hash(a) != hash(b) {
		t.Error("the status counts")
	}
	b.Spec.Paused = true
	if hash(a) == hash(b) {
		t.Error("a change makes no difference")
	}
}
