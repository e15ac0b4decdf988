// Package kind checks what runs the platform on a cluster in Docker, as far as that goes without Docker.
package kind

import (
	"bytes"
	"encoding/json"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	kind "sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	sigsyaml "sigs.k8s.io/yaml"

	"moim.dev/moim/operator/api/v1alpha1"
)

const root = "../.."

// config is what is looked at of skaffold.yaml.
type config struct {
	Build struct {
		Artifacts []struct {
			Image string
			Ko    struct {
				Main         string
				Dependencies struct{ Paths, Ignore []string }
			}
			Hooks struct{ Before []struct{ Command []string } }
		}
	}
	Deploy struct {
		Helm struct {
			Releases []struct {
				Name, ChartPath, RemoteChart string
				ValuesFiles                  []string
				SetValues                    map[string]any
				SetValueTemplates            map[string]string
			}
		}
	}
	Profiles []struct {
		Name      string
		Manifests struct{ RawYaml []string }
		Patches   []struct {
			Path  string
			Value []string
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func skaffold(t *testing.T) (c config) {
	t.Helper()
	if err := sigsyaml.Unmarshal(read(t, "skaffold.yaml"), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSchema checks skaffold.yaml by the schema that Skaffold publishes, which is in testdata without its descriptions.
func TestSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile("testdata/skaffold-v4beta13.json")
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := sigsyaml.YAMLToJSONStrict(read(t, "skaffold.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	check := func(content []byte) error {
		var document any
		if err := json.Unmarshal(content, &document); err != nil {
			t.Fatal(err)
		}
		return schema.Validate(document)
	}
	if err := check(asJSON); err != nil {
		t.Error(err)
	}
	for _, wrong := range []struct{ old, new string }{{`"artifacts"`, `"artefacts"`}, {`"createNamespace":true`, `"createNamespace":"yes"`}} {
		changed := bytes.ReplaceAll(asJSON, []byte(wrong.old), []byte(wrong.new))
		if bytes.Equal(changed, asJSON) || check(changed) == nil {
			t.Errorf("the schema takes %s", wrong.new)
		}
	}
}

func TestImagesAreProgramsOfThisModule(t *testing.T) {
	images := map[string]bool{}
	for _, a := range skaffold(t).Build.Artifacts {
		images[a.Image] = true
		if name := strings.TrimPrefix(a.Image, "moim/"); filepath.Base(a.Ko.Main) != name {
			t.Errorf("image %s is made of %s", a.Image, a.Ko.Main)
		}
		p, err := build.ImportDir(filepath.Join(root, a.Ko.Main), 0)
		if err != nil || p.Name != "main" {
			t.Errorf("image %s: %s is no program: %v", a.Image, a.Ko.Main, err)
		}
		for _, path := range a.Ko.Dependencies.Paths {
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("image %s: %v", a.Image, err)
			}
		}
		for _, hook := range a.Hooks.Before {
			dry := exec.CommandContext(t.Context(), hook.Command[0], append([]string{"--dry-run"}, hook.Command[1:]...)...)
			dry.Dir = root
			if out, err := dry.CombinedOutput(); err != nil {
				t.Errorf("image %s: %v: %v %s", a.Image, hook.Command, err, out)
			}
		}
	}
	for _, service := range services(t) {
		if !images["moim/"+service] {
			t.Errorf("there is no image of %s", service)
		}
	}
}

// services are what the spec of a ChatPlatform can override.
func services(t *testing.T) []string {
	t.Helper()
	raw, err := json.Marshal(v1alpha1.ServicesSpec{})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	if len(fields) > 0 {
		t.Fatalf("a service is not optional: %s", raw)
	}
	names := []string{"gateway", "realtime", "auth", "user", "customer", "chat", "message"}
	full := map[string]any{}
	for _, name := range names {
		full[name] = map[string]any{"replicas": 1}
	}
	if raw, err = json.Marshal(full); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v1alpha1.ServicesSpec{}); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestReleasesUseTheImages(t *testing.T) {
	c := skaffold(t)
	used := map[string]bool{}
	for _, r := range c.Deploy.Helm.Releases {
		if r.ChartPath != "" {
			read(t, filepath.Join(r.ChartPath, "Chart.yaml"))
		}
		for _, file := range r.ValuesFiles {
			read(t, file)
		}
		for key, template := range r.SetValueTemplates {
			name, ok := strings.CutSuffix(strings.TrimPrefix(template, "{{.IMAGE_"), "}}")
			if strings.HasSuffix(key, ".name") {
				continue
			}
			_, image, found := strings.Cut(name, "_moim_")
			if !ok || !found {
				t.Errorf("release %s: %s is %s, not an image", r.Name, key, template)
			}
			if r.Name == "demo" && !strings.Contains(key, "spec.services."+image+".") {
				t.Errorf("release %s: %s is the image of %s", r.Name, key, image)
			}
			used[image] = true
		}
	}
	for _, a := range c.Build.Artifacts {
		if !used[strings.TrimPrefix(a.Image, "moim/")] {
			t.Errorf("image %s is built and not used", a.Image)
		}
	}
}

func TestProfilesHaveABrokerAndAPlatformThatUsesIt(t *testing.T) {
	c := skaffold(t)
	if len(c.Profiles) != 4 {
		t.Errorf("there are %d profiles", len(c.Profiles))
	}
	for _, profile := range c.Profiles {
		for _, file := range profile.Manifests.RawYaml {
			for document := range strings.SplitSeq(string(read(t, file)), "\n---\n") {
				object := struct{ APIVersion, Kind string }{}
				if err := sigsyaml.Unmarshal([]byte(document), &object); err != nil || object.Kind == "" {
					t.Errorf("profile %s: %s: %v", profile.Name, file, err)
				}
			}
		}
		for _, patch := range profile.Patches {
			if patch.Path != "/deploy/helm/releases/3/valuesFiles" || c.Deploy.Helm.Releases[3].Name != "demo" {
				t.Errorf("profile %s patches %s", profile.Name, patch.Path)
			}
			for _, file := range patch.Value {
				var p v1alpha1.ChatPlatform
				if err := sigsyaml.UnmarshalStrict(read(t, file), &p); err != nil || p.Spec.PubSub == nil && p.Spec.Fanout == nil {
					t.Errorf("profile %s: %s has no broker: %v", profile.Name, file, err)
				}
			}
		}
	}
}

func TestClusterHasThePortsOfTheIngress(t *testing.T) {
	decoder := yaml.NewDecoder(bytes.NewReader(read(t, "kind-config.yaml")))
	decoder.KnownFields(true)
	var cluster kind.Cluster
	if err := decoder.Decode(&cluster); err != nil {
		t.Fatal(err)
	}
	kind.SetDefaultsCluster(&cluster)
	ports := map[int32]int32{}
	for _, mapping := range cluster.Nodes[0].ExtraPortMappings {
		ports[mapping.HostPort] = mapping.ContainerPort
	}
	if ports[80] != 80 || ports[443] != 443 || cluster.Name != "moim" || cluster.APIVersion != "kind.x-k8s.io/v1alpha4" {
		t.Errorf("%+v", cluster)
	}
	if !strings.Contains(string(read(t, "test/kind/ingress.yaml")), "ingress-ready") || cluster.Nodes[0].Labels["ingress-ready"] != "true" {
		t.Error("the ingress controller doesn't find the node with the ports")
	}
}

func TestUpNamesWhatIsMissing(t *testing.T) {
	bin := t.TempDir()
	for _, program := range []string{"bash", "env", "dirname"} {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "./up")
	cmd.Env = []string{"PATH=" + bin}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("it runs without anything: %s", out)
	}
	for _, program := range []string{"docker", "kind", "kubectl", "helm", "skaffold"} {
		if !strings.Contains(string(out), "  "+program+": ") {
			t.Errorf("%s is not named in %s", program, out)
		}
	}
}
