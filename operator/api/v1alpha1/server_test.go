package v1alpha1_test

import (
	"fmt"
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/test/kube"
)

// server is the API server that all tests of the package share.
var server *rest.Config

func TestMain(m *testing.M) {
	config, stop, err := kube.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start an API server:", err)
		os.Exit(1)
	}
	server = config
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
		code = 1
	}
	os.Exit(code)
}

// strict returns a client that is as strict as kubectl is: it refuses fields that the definition doesn't know.
func strict(t *testing.T) client.Client {
	t.Helper()
	c, err := client.New(server, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, metav1.FieldValidationStrict)
}

// platform returns a ChatPlatform with the spec, which is YAML, and with none at all when it is empty.
func platform(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	p := &unstructured.Unstructured{Object: map[string]any{}}
	p.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ChatPlatform"))
	p.SetName(name)
	p.SetNamespace(metav1.NamespaceDefault)
	if spec != "" {
		var fields map[string]any
		if err := yaml.UnmarshalStrict([]byte(spec), &fields); err != nil {
			t.Fatalf("the spec is not YAML: %v\n%s", err, spec)
		}
		p.Object["spec"] = fields
	}
	return p
}
