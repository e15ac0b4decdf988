package v1alpha1_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"moim.dev/moim/operator/api/v1alpha1"
)

func TestPageHasEveryFieldAndNoOther(t *testing.T) {
	_, spec, ok := strings.Cut(page(t), "\n## The fields\n")
	if !ok {
		t.Fatal("the page has no section of the fields")
	}
	spec, _, _ = strings.Cut(spec, "\n## ")
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(spec, -1) {
		documented = append(documented, row[1])
	}
	// The table that says what each block is for names the blocks by themselves.
	want := fields(reflect.TypeFor[v1alpha1.ChatPlatformSpec](), "")
	slices.Sort(documented)
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), documented); diff != "" {
		t.Errorf("fields in tables (-of the type +of the page):\n%s", diff)
	}
}

// fields returns the paths of the fields of a type of the API, as the page writes them: what several services or building blocks have in
// common is written once, and a group that is always there needs no row of its own.
func fields(t reflect.Type, path string) []string {
	var paths []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		below, of, list := path+name, field.Type, ""
		switch of.Kind() {
		case reflect.Pointer:
			of = of.Elem()
		case reflect.Slice:
			of, list = of.Elem(), "[]"
		}
		ours := of.Kind() == reflect.Struct && of.PkgPath() == t.PkgPath()
		if !ours || of != field.Type {
			paths = append(paths, below)
		}
		switch of {
		case reflect.TypeFor[v1alpha1.ServiceSpec]():
			below = path + "<service>"
		case reflect.TypeFor[v1alpha1.ComponentSpec]():
			below = path + "<block>"
		}
		if ours {
			paths = append(paths, fields(of, below+list+".")...)
		}
	}
	return paths
}

func TestServerAcceptsTheExamplesOfThePage(t *testing.T) {
	c := strict(t)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(page(t), -1)
	if len(examples) == 0 {
		t.Fatal("the page has no examples")
	}
	for _, example := range examples {
		var p unstructured.Unstructured
		if err := yaml.UnmarshalStrict([]byte(example[1]), &p.Object); err != nil {
			t.Errorf("%v in\n%s", err, example[1])
			continue
		}
		p.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ChatPlatform"))
		p.SetName("demo")
		p.SetNamespace("default")
		if err := c.Create(t.Context(), &p, client.DryRunAll); err != nil {
			t.Errorf("%v:\n%s", err, example[1])
		}
	}
}

func page(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../../../docs/chatplatform.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
