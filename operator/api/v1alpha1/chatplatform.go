package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ChatPlatform is a chat and community platform: all services of it, the Dapr resources they use, and the way in.
//
// +kubebuilder:object:root=true
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=chatp,categories=all
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Services",type=string,JSONPath=`.status.services`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Status",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$') && self.metadata.name.size() <= 32",message="metadata.name begins the name of everything that the platform consists of: use at most 32 small letters, digits and '-', beginning with a letter"
// +kubebuilder:validation:XValidation:rule="self.?spec.trial.storageSize.hasValue() == oldSelf.?spec.trial.storageSize.hasValue()",message="leave it set or unset as it was, as volumes keep their size: for another one delete the platform and make it anew, or move to stores of your own (spec.database, spec.pubsub, ...)",fieldPath=".spec.trial.storageSize"
// +kubebuilder:validation:XValidation:rule="self.?spec.trial.storageClassName.hasValue() == oldSelf.?spec.trial.storageClassName.hasValue()",message="leave it set or unset as it was, as volumes keep their class: for another one delete the platform and make it anew, or move to stores of your own (spec.database, spec.pubsub, ...)",fieldPath=".spec.trial.storageClassName"
type ChatPlatform struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the platform that is wanted. Everything in it is optional: an empty one is a platform with a Redis and a Postgres of its own,
	// which are for trial.
	// +optional
	Spec ChatPlatformSpec `json:"spec,omitempty"`
	// Status is what the operator found.
	// +optional
	Status ChatPlatformStatus `json:"status,omitempty"`
}

// ChatPlatformList is a list of platforms.
//
// +kubebuilder:object:root=true
type ChatPlatformList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ChatPlatform `json:"items"`
}

// Types of the conditions in the status. Each has the generation it was found at.
const (
	// ConditionReady is True when everything that the spec asks for is there and serves.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the operator is getting there.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when it can't get there before somebody changes something; the message says what.
	ConditionStalled = "Stalled"
	// ConditionServicesAvailable is True when all replicas of all services are available.
	ConditionServicesAvailable = "ServicesAvailable"
	// ConditionDaprReady is True when Dapr is installed and every pod that needs a sidecar has one.
	ConditionDaprReady = "DaprReady"
	// ConditionIngressReady is True when the Ingress has an address, or none is asked for.
	ConditionIngressReady = "IngressReady"
)

// ChatPlatformStatus is what the operator found.
type ChatPlatformStatus struct {
	// ObservedGeneration is the generation of the spec that the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Version is the version of the services that was last rolled out with success.
	// +optional
	Version string `json:"version,omitempty"`
	// Services says how many of the services are available, such as "7/7".
	// +optional
	Services string `json:"services,omitempty"`
	// URL is where people find the platform; empty without an ingress.
	// +optional
	URL string `json:"url,omitempty"`
	// Conditions are Ready, Reconciling, Stalled, ServicesAvailable, DaprReady and IngressReady.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Inventory names every object that the operator made and would remove when it is not needed any more.
	// +optional
	// +listType=atomic
	Inventory []ObjectReference `json:"inventory,omitempty"`
}

// ObjectReference names an object in the platform's namespace.
type ObjectReference struct {
	// +optional
	Group   string `json:"group,omitempty"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
}
