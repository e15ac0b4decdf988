// Package samples_test checks the sample platforms of this folder.
package samples_test

import (
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"moim.dev/moim/test/kube"
)

func TestServerAcceptsEverySample(t *testing.T) {
	c, err := client.New(kube.ForTest(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c = client.WithFieldValidation(c, metav1.FieldValidationStrict)
	for name, content := range samples(t) {
		t.Run(name, func(t *testing.T) {
			var sample unstructured.Unstructured
			if err := yaml.UnmarshalStrict(content, &sample.Object); err != nil {
				t.Fatal(err)
			}
			if ns := sample.GetNamespace(); ns != "" {
				t.Errorf("it names the namespace %s, which is up to whoever applies it", ns)
			}
			sample.SetNamespace(metav1.NamespaceDefault)
			if err := c.Create(t.Context(), &sample, client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

// samples returns every file of this folder that is one, by name.
func samples(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no samples: %v", err)
	}
	contents := map[string][]byte{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contents[file] = content
	}
	return contents
}
