package kube_test

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/test/kube"
)

func TestServerKnowsTheResourcesOfMoimAndOfDapr(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(kube.ForTest(t), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"chatplatforms.moim.dev", "components.dapr.io", "configurations.dapr.io", "resiliencies.dapr.io", "subscriptions.dapr.io",
	} {
		var definition apiextensionsv1.CustomResourceDefinition
		if err := c.Get(t.Context(), client.ObjectKey{Name: name}, &definition); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		established := false
		for _, c := range definition.Status.Conditions {
			established = established || c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
		}
		if !established {
			t.Errorf("%s is not established: %+v", name, definition.Status.Conditions)
		}
	}
}
