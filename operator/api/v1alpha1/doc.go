// Package v1alpha1 has the ChatPlatform resource of the API group moim.dev.
//
// +kubebuilder:object:generate=true
// +groupName=moim.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of the types here.
var GroupVersion = schema.GroupVersion{Group: "moim.dev", Version: "v1alpha1"}

// AddToScheme registers the types here.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &ChatPlatform{}, &ChatPlatformList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
