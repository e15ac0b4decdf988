package controller

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// TestDaprComesLater: without Dapr nothing is made, and it may be installed at any time.
func TestDaprComesLater(t *testing.T) {
	c := newCluster(t)
	definition := object(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	definition.SetName("resiliencies.dapr.io")
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(definition), definition); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), definition.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	c.eventually(t, "uninstalled", func() bool {
		return apierrors.IsNotFound(c.Get(t.Context(), client.ObjectKeyFromObject(definition), definition.DeepCopy()))
	}, func() string { return definition.GetName() })
	c.operate(t, defaults)
	p := c.platform(t, c.namespace(t), "demo", v1alpha1.ChatPlatformSpec{})
	c.await(t, p, "waiting for Dapr", func() bool {
		found := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionDaprReady)
		return found.Reason == "DaprNotInstalled" && len(p.Status.Inventory) == 0
	})
	definition.SetResourceVersion("")
	definition.SetUID("")
	if err := c.Create(t.Context(), definition); err != nil {
		t.Fatal(err)
	}
	c.ready(t, p)
}
