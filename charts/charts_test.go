// Package charts tests the Helm charts beside it.
package charts_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"moim.dev/moim/test/kube"
)

const helmVersion = "3.19.4"

// helm returns the program, which is built once where it isn't there.
func helm(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "moim", "helm-"+helmVersion)
	program := filepath.Join(dir, "helm")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	build := exec.CommandContext(t.Context(), "go", "install", "helm.sh/helm/v3/cmd/helm@v"+helmVersion)
	build.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	build.Dir = os.TempDir() // Outside of this module.
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build helm: %v\n%s", err, out)
	}
	return program
}

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), helm(t), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+os.DevNull)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// render returns the objects that a chart makes with some values, and with values from files, which end in .yaml.
func render(t *testing.T, chart string, values ...string) []*unstructured.Unstructured {
	t.Helper()
	args := []string{"template", "moim", chart, "--namespace", "moim-system", "--kube-version", "1.36.0"}
	for _, value := range values {
		if strings.HasSuffix(value, ".yaml") {
			args = append(args, "--values", value)
			continue
		}
		args = append(args, "--set", value)
	}
	out, err := run(t, args...)
	if err != nil {
		t.Fatal(out)
	}
	var objects []*unstructured.Unstructured
	for document := range strings.SplitSeq(out, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		if object.Object != nil {
			objects = append(objects, object)
		}
	}
	return objects
}

func TestLint(t *testing.T) {
	for _, chart := range []string{"moim-operator", "moim-platform"} {
		if out, err := run(t, "lint", "--strict", chart); err != nil {
			t.Errorf("%s: %s", chart, out)
		}
	}
}

func TestTheServerTakesWhatIsRendered(t *testing.T) {
	c, err := client.New(kube.ForTest(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"moim-system", "a", "b"} {
		namespaceObject := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
		namespaceObject.SetName(namespace)
		if err := c.Create(t.Context(), namespaceObject); err != nil {
			t.Fatal(err)
		}
	}
	objects := slices.Concat(render(t, "moim-operator"), render(t, "moim-operator", "watchNamespaces={a,b}"), render(t, "moim-platform", "spec.version=0.2.0"),
		// As skaffold.yaml does.
		render(t, "moim-platform", "name=kafka", "../operator/samples/kafka.yaml", "spec.ingress.host=localhost",
			"spec.services.chat.podTemplate.spec.containers[0].name=chat", "spec.services.chat.podTemplate.spec.containers[0].image=moim/chat:1"))
	for _, object := range objects {
		if err := apply(t.Context(), c, object); err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

func apply(ctx context.Context, c client.Client, object *unstructured.Unstructured) error {
	raw, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	options := &client.PatchOptions{Raw: &metav1.PatchOptions{FieldManager: "helm", FieldValidation: metav1.FieldValidationStrict, Force: new(true)}}
	return c.Patch(ctx, object, client.RawPatch(types.ApplyPatchType, raw), options)
}

// TestRights: nothing is allowed by a star, and nothing cluster-wide where namespaces are named.
func TestRights(t *testing.T) {
	for name, values := range map[string][]string{"everywhere": nil, "in two namespaces": {"watchNamespaces={a,b}"}} {
		t.Run(name, func(t *testing.T) {
			roles := map[string]int{}
			for _, object := range render(t, "moim-operator", values...) {
				if !strings.HasSuffix(object.GetKind(), "Role") {
					continue
				}
				roles[object.GetKind()]++
				rules, _, err := unstructured.NestedSlice(object.Object, "rules")
				if err != nil || len(rules) == 0 {
					t.Errorf("%s %s has no rules: %v", object.GetKind(), object.GetName(), err)
				}
				text, err := yaml.Marshal(rules)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.ContainsRune(text, '*') {
					t.Errorf("%s %s allows something by a star:\n%s", object.GetKind(), object.GetName(), text)
				}
			}
			if values == nil && (roles["ClusterRole"] != 1 || roles["Role"] != 1) || values != nil && (roles["ClusterRole"] != 0 || roles["Role"] != 3) {
				t.Errorf("roles: %v", roles)
			}
		})
	}
}

// TestReleasesDoNotWaitForEachOther: each release has a Lease of its own, which it may use.
func TestReleasesDoNotWaitForEachOther(t *testing.T) {
	for _, object := range render(t, "moim-operator") { // The release is moim.
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		if object.GetKind() == "Deployment" && !bytes.Contains(text, []byte("--leader-election-id=moim\n")) {
			t.Errorf("another Lease:\n%s", text)
		}
		if object.GetKind() == "Role" && !bytes.Contains(text, []byte("resourceNames:\n  - moim\n")) {
			t.Errorf("it may not use its Lease:\n%s", text)
		}
	}
}

func TestValuesAreChecked(t *testing.T) {
	for _, c := range []struct{ chart, value, want string }{
		{"moim-operator", "replicas=-1", "replicas"},
		{"moim-operator", "logLevel=loud", "logLevel"},
		{"moim-operator", "imgae.tag=x", "imgae"},
		{"moim-operator", "watchNamespaces={Not_A_Name}", "watchNamespaces"},
		{"moim-operator", "platforms.imageRegistry=https://x", "imageRegistry"},
		{"moim-platform", "name=Upper", "name"},
	} {
		out, err := run(t, "template", "moim", c.chart, "--kube-version", "1.36.0", "--set", c.value)
		if err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s with %s: %v, %s", c.chart, c.value, err, out)
		}
	}
}

func TestTheDefinitionIsKept(t *testing.T) {
	for _, object := range render(t, "moim-operator") {
		if object.GetKind() == "CustomResourceDefinition" {
			if object.GetAnnotations()["helm.sh/resource-policy"] != "keep" {
				t.Error("helm uninstall would delete it, and every platform with it")
			}
			return
		}
	}
	t.Error("the chart doesn't have it")
}
