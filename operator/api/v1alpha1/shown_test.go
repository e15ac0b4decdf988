package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

func TestKubectlFindsPlatformsByTheirShortNameAndAmongAll(t *testing.T) {
	d, err := discovery.NewDiscoveryClientForConfig(server)
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == "chatplatforms" })
	if i < 0 {
		t.Fatalf("there are no chatplatforms among %+v", list.APIResources)
	}
	if r := list.APIResources[i]; !r.Namespaced || !slices.Equal(r.ShortNames, []string{"chatp"}) || !slices.Equal(r.Categories, []string{"all"}) {
		t.Errorf("got namespaced %v, short names %v, categories %v", r.Namespaced, r.ShortNames, r.Categories)
	}
}

func TestKubectlShowsHowAPlatformIs(t *testing.T) {
	c := strict(t)
	p := platform(t, "shown", "{}")
	if err := c.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Delete(t.Context(), p); err != nil {
			t.Error(err)
		}
	}()
	status := v1alpha1.ChatPlatformStatus{Version: "0.2.0", Services: "6/7", URL: "https://chat.example.com"}
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "Unavailable", Message: "chat is starting",
	})
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Status().Patch(t.Context(), p, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		t.Fatal(err)
	}

	got := table(t, "shown")
	want := map[string]string{
		"Name": "shown", "Ready": "False", "Version": "0.2.0", "Services": "6/7", "URL": "https://chat.example.com",
		"Status (wide)": "chat is starting",
	}
	if got["Age"] == "" {
		t.Error("it shows no age")
	}
	delete(got, "Age") // may be 0s or 1s
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

// table returns what kubectl get shows about a platform, by column.
func table(t *testing.T, name string) map[string]string {
	t.Helper()
	d, err := discovery.NewDiscoveryClientForConfig(server)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := d.RESTClient().Get().AbsPath("/apis/moim.dev/v1alpha1/namespaces/default/chatplatforms/"+name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var answer metav1.Table
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Rows) != 1 {
		t.Fatalf("got %s (%v), want a table of one row", raw, err)
	}
	columns := map[string]string{}
	for i, column := range answer.ColumnDefinitions {
		title := column.Name
		if column.Priority > 0 {
			title += " (wide)"
		}
		columns[title] = fmt.Sprint(answer.Rows[0].Cells[i])
	}
	return columns
}
