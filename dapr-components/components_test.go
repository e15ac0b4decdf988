package daprcomponents_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	daprcomponents "moim.dev/moim/dapr-components"
)

// resource is a Dapr resource as far as these tests look into it.
type resource struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Type    string
		Targets struct {
			Apps map[string]struct{ Retry string }
		}
		NameResolution struct {
			Configuration struct{ UpdateInterval, Timeout string }
		}
	}
}

func TestEveryFileMatchesDaprsSchema(t *testing.T) {
	schemas := schemas(t)
	for name, content := range files(t) {
		t.Run(name, func(t *testing.T) {
			if err := validate(schemas, content); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheSchemaRefuses(t *testing.T) {
	schemas := schemas(t)
	for name, content := range map[string]string{
		"a field that Dapr doesn't know": "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: x}\nspec: {type: pubsub.redis, version: v1, metdata: []}",
		"a required field left out":      "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: x}\nspec: {type: pubsub.redis, metadata: []}",
		"a value of the wrong type":      "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: x}\nspec: {policies: {retries: {r: {maxRetries: two}}}}",
		"a kind that Dapr doesn't have":  "apiVersion: dapr.io/v1alpha1\nkind: Compoment\nmetadata: {name: x}",
	} {
		t.Run(name, func(t *testing.T) {
			if err := validate(schemas, []byte(content)); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func TestTheLocalProfileHasEveryBuildingBlock(t *testing.T) {
	got := map[string]string{}
	for _, r := range resources(t) {
		if r.Kind == "Component" {
			block, _, _ := strings.Cut(r.Spec.Type, ".")
			got[r.Metadata.Name] = block
		}
	}
	want := map[string]string{
		"events": "pubsub", "fanout": "pubsub", "state": "state", "lock": "lock", "config": "configuration", "secrets": "secretstores",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
}

func TestNoCallToAServiceIsRepeated(t *testing.T) {
	programs, err := filepath.Glob("../services/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resources(t) {
		if r.Kind != "Resiliency" {
			continue
		}
		for _, program := range programs {
			app := filepath.Base(filepath.Dir(program))
			if got := r.Spec.Targets.Apps[app].Retry; got != "never" {
				t.Errorf("%s has the retry policy %q, want never", app, got)
			}
		}
	}
}

// A sidecar renews its entry updateInterval - timeout after it last did, and the entry is overlooked as soon as the clock's whole
// seconds are updateInterval further: up to a second earlier. The renewal needs a part of the rest on a busy machine.
func TestALivingSidecarIsNotForgotten(t *testing.T) {
	checked := false
	for _, r := range resources(t) {
		if r.Kind != "Configuration" {
			continue
		}
		names := r.Spec.NameResolution.Configuration
		interval, err := time.ParseDuration(names.UpdateInterval)
		if err != nil {
			t.Fatal(err)
		}
		timeout, err := time.ParseDuration(names.Timeout)
		if err != nil {
			t.Fatal(err)
		}
		if spare := timeout - time.Second; spare < 2*time.Second || interval <= timeout {
			t.Errorf("updateInterval %s and timeout %s leave %s for a renewal", interval, timeout, spare)
		}
		checked = true
	}
	if !checked {
		t.Error("there is no Configuration")
	}
}

// files returns the YAML files by path.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := fs.WalkDir(daprcomponents.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := daprcomponents.Files.ReadFile(name)
		for i, document := range bytes.Split(content, []byte("\n---\n")) {
			found[fmt.Sprintf("%s#%d", name, i+1)] = document
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// resources returns what the files of the local profile describe.
func resources(t *testing.T) []resource {
	t.Helper()
	var found []resource
	for name, content := range files(t) {
		if !strings.HasPrefix(name, "local/") {
			continue
		}
		var r resource
		if err := yaml.Unmarshal(content, &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found = append(found, r)
	}
	return found
}

// schemas returns the schemas of Dapr's custom resource definitions by kind, from the Dapr release that the module uses.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/dapr/dapr").Output()
	if err != nil {
		t.Fatalf("find Dapr's module: %v", err)
	}
	definitions, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "charts", "dapr", "crds", "*.yaml"))
	if err != nil || len(definitions) == 0 {
		t.Fatalf("no definitions in Dapr's module: %v", err)
	}
	found := map[string]*jsonschema.Schema{}
	for _, definition := range definitions {
		content, err := os.ReadFile(definition)
		if err != nil {
			t.Fatal(err)
		}
		var crd struct {
			Spec struct {
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct{ OpenAPIV3Schema map[string]any }
				}
			}
		}
		if err := yaml.Unmarshal(content, &crd); err != nil {
			t.Fatalf("%s: %v", definition, err)
		}
		for _, version := range crd.Spec.Versions {
			id := "dapr.io/" + version.Name + "/" + crd.Spec.Names.Kind
			found[id] = compile(t, id, version.Schema.OpenAPIV3Schema)
		}
	}
	return found
}

// compile makes a JSON schema of a definition's structural schema, in which an object with named properties has no others.
func compile(t *testing.T, id string, schema map[string]any) *jsonschema.Schema {
	t.Helper()
	closeObjects(schema)
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(id, schema); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	compiled, err := compiler.Compile(id)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return compiled
}

func closeObjects(schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	if properties != nil && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
	for _, property := range properties {
		closeObjects(property.(map[string]any))
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[key].(map[string]any); ok {
			closeObjects(inner)
		}
	}
}

func validate(schemas map[string]*jsonschema.Schema, content []byte) error {
	var document map[string]any
	if err := yaml.UnmarshalStrict(content, &document); err != nil {
		return err
	}
	version, _ := document["apiVersion"].(string)
	kind, _ := document["kind"].(string)
	schema := schemas[path.Join(version, kind)]
	if schema == nil {
		return fmt.Errorf("Dapr has no kind %s/%s", version, kind)
	}
	return schema.Validate(document)
}
