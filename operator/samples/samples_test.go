// Package samples_test checks the sample platforms of this folder.
package samples_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubernetes "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/build"
	"moim.dev/moim/test/kube"
)

func TestServerAcceptsEverySampleAndWhatItConsistsOf(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := errors.Join(kubernetes.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(kube.ForTest(t), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	c = client.WithFieldValidation(c, metav1.FieldValidationStrict)
	for name, content := range samples(t) {
		t.Run(name, func(t *testing.T) {
			var sample v1alpha1.ChatPlatform
			if err := yaml.UnmarshalStrict(content, &sample); err != nil {
				t.Fatal(err)
			}
			if sample.Namespace != "" {
				t.Errorf("it names the namespace %s, which is up to whoever applies it", sample.Namespace)
			}
			sample.Namespace = metav1.NamespaceDefault
			if err := c.Create(t.Context(), &sample); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := c.Delete(t.Context(), &sample); err != nil {
					t.Error(err)
				}
			}()
			stages, err := build.Build(&sample, build.Inputs{
				Version: "0.1.0", Registry: "registry.example.com/moim", RedisImage: "redis:7", PostgresImage: "postgres:15",
				Database: map[string][]byte{"dsn": []byte("postgres://moim:secret@db.example.com/moim")},
				Random:   func(n int) []byte { return make([]byte, n) },
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, stage := range stages {
				for _, object := range stage.Objects {
					if err := c.Create(t.Context(), object, client.DryRunAll); err != nil {
						t.Errorf("%s, stage %s: %v", object.GetName(), stage.Name, err)
					}
				}
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
