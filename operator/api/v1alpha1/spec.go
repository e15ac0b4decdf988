package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ChatPlatformSpec is the platform that is wanted. Everything is optional: an empty spec is a platform with a Redis and a Postgres of
// its own, which are for trial.
//
// +kubebuilder:validation:XValidation:rule="!has(self.settings) || !has(self.config)",message="spec.settings go into the platform's own configuration store: remove them and write them into the store that spec.config names, or remove spec.config",fieldPath=".settings"
type ChatPlatformSpec struct {
	// Version of the services, the tag of their images. Empty: the last one that was rolled out with success, or else the one that the
	// operator brings, so that an upgrade of the operator alone changes nothing.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^([A-Za-z0-9_][A-Za-z0-9._-]*)?$')",message="use the tag of an image, such as 0.2.0: letters, digits, '_', '.' and '-'"
	Version string `json:"version,omitempty"`
	// Image says where the images of the services come from.
	// +optional
	Image ImageSpec `json:"image,omitzero"`
	// Services overrides what the operator chooses for single services.
	// +optional
	Services ServicesSpec `json:"services,omitzero"`
	// Ingress is the way in from outside; without it there is none, and the gateway's Service can be forwarded.
	// +optional
	Ingress *IngressSpec `json:"ingress,omitempty"`

	// PubSub is the work queues between services: each service gets each event once. Empty: the trial Redis.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type.matches('^pubsub[.][a-z0-9.-]+$')",message="use one of Dapr's pub/sub components, such as pubsub.kafka, pubsub.rabbitmq or pubsub.redis",fieldPath=".type"
	// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'pubsub.jetstream'",message="JetStream serves fanout only, as a service receives several topics and a durable consumer of it one: use pubsub.kafka, pubsub.rabbitmq or pubsub.redis here",fieldPath=".type"
	PubSub *ComponentSpec `json:"pubsub,omitempty"`
	// Fanout is the broadcast to every replica of realtime. Empty: the trial Redis.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type.matches('^pubsub[.][a-z0-9.-]+$')",message="use one of Dapr's pub/sub components, such as pubsub.kafka, pubsub.rabbitmq, pubsub.jetstream or pubsub.redis",fieldPath=".type"
	Fanout *ComponentSpec `json:"fanout,omitempty"`
	// State has presence, records of signups and ended sessions. Empty: the trial Redis.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type.matches('^state[.][a-z0-9.-]+$')",message="use one of Dapr's state stores with TTL and ETags, such as state.redis or state.postgresql",fieldPath=".type"
	State *ComponentSpec `json:"state,omitempty"`
	// Lock keeps order among those who want a room's last seat. Empty: the trial Redis.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type.matches('^lock[.][a-z0-9.-]+$')",message="use one of Dapr's locks, such as lock.redis",fieldPath=".type"
	Lock *ComponentSpec `json:"lock,omitempty"`
	// Config is the configuration store that services read their settings from and subscribe to. Empty: a ConfigMap
	// with spec.settings.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type.matches('^configuration[.][a-z0-9.-]+$')",message="use one of Dapr's configuration stores, such as configuration.redis or configuration.postgresql",fieldPath=".type"
	Config *ComponentSpec `json:"config,omitempty"`

	// Database is the PostgreSQL that services keep what must not be lost in, each in a schema of its own. Empty: a Postgres for trial.
	// +optional
	Database *DatabaseSpec `json:"database,omitempty"`
	// Settings take effect within seconds and restart nothing.
	// +optional
	Settings *SettingsSpec `json:"settings,omitempty"`
	// Observability is about traces and metrics.
	// +optional
	Observability ObservabilitySpec `json:"observability,omitzero"`
	// NetworkPolicy is about who may open connections to the platform's pods.
	// +optional
	NetworkPolicy NetworkPolicySpec `json:"networkPolicy,omitzero"`
	// Suspend makes the operator leave everything as it is until it is false again.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// Trial is about the Redis and the Postgres that the operator brings where none is named.
	// +optional
	Trial TrialSpec `json:"trial,omitzero"`
}

// ImageSpec says where images come from: <registry>/<service>:<version>.
type ImageSpec struct {
	// Registry is the host and path before the service's name. Empty: the operator's own.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*)?$')",message="use a host and path without scheme and without a '/' at its end, such as registry.example.com/moim"
	Registry string `json:"registry,omitempty"`
	// PullPolicy of the services' images. Empty: Kubernetes' own, IfNotPresent unless the version is latest.
	// +optional
	// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
	PullPolicy corev1.PullPolicy `json:"pullPolicy,omitempty"`
	// PullSecrets name Secrets of the platform's namespace.
	// +optional
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:XValidation:rule="size(self.name) > 0",message="name a Secret of this namespace, of type kubernetes.io/dockerconfigjson",fieldPath=".name"
	// +listType=atomic
	PullSecrets []corev1.LocalObjectReference `json:"pullSecrets,omitempty"`
}

// ServicesSpec has the overrides of each service.
type ServicesSpec struct {
	// Gateway is the HTTP edge, which also serves the web client.
	// +optional
	Gateway ServiceSpec `json:"gateway,omitzero"`
	// Realtime holds the WebSocket connections; a StatefulSet.
	// +optional
	Realtime ServiceSpec `json:"realtime,omitzero"`
	// Auth has accounts, sessions and the signup saga.
	// +optional
	Auth ServiceSpec `json:"auth,omitzero"`
	// User has profiles.
	// +optional
	User ServiceSpec `json:"user,omitzero"`
	// Customer has customer records.
	// +optional
	Customer ServiceSpec `json:"customer,omitzero"`
	// Chat has rooms and their members.
	// +optional
	Chat ServiceSpec `json:"chat,omitzero"`
	// Message has what was said.
	// +optional
	Message ServiceSpec `json:"message,omitzero"`
}

// ServiceSpec overrides what the operator chooses for one service.
//
// +kubebuilder:validation:XValidation:rule="!has(self.replicas) || !has(self.autoscaling)",message="set either replicas, for a fixed number, or autoscaling, for one that follows the load",fieldPath=".replicas"
type ServiceSpec struct {
	// Replicas is a fixed number of replicas; 1 when neither it nor autoscaling is set, none when it is 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Replicas *int32 `json:"replicas,omitempty"`
	// Autoscaling has the number of replicas follow the load.
	// +optional
	Autoscaling *AutoscalingSpec `json:"autoscaling,omitempty"`
	// Resources of the service's container, in place of the operator's choice.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// Env is added to the container's environment, or replaces what the operator sets.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=name
	Env []corev1.EnvVar `json:"env,omitempty"`
	// PodTemplate is a strategic merge patch of the pod template (metadata and spec); the service's container has the service's name.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	PodTemplate *runtime.RawExtension `json:"podTemplate,omitempty"`
}

// AutoscalingSpec has the number of replicas follow the load.
//
// +kubebuilder:validation:XValidation:rule="self.minReplicas <= self.maxReplicas",message="use a number that is not above maxReplicas",fieldPath=".minReplicas"
type AutoscalingSpec struct {
	// MinReplicas is how many there are without any load.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MinReplicas int32 `json:"minReplicas,omitempty"`
	// MaxReplicas is how many there may be, whatever the load.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxReplicas int32 `json:"maxReplicas"`
	// TargetCPU is the mean use of requested CPU that is aimed at, in percent.
	// +optional
	// +kubebuilder:default=70
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	TargetCPU int32 `json:"targetCPU,omitempty"`
}

// IngressSpec is the way in from outside: everything goes to the gateway, /ws to realtime.
type IngressSpec struct {
	// Host is the name that people type, without scheme.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$')",message="use a DNS name in small letters, without scheme, port or path, and not an address, such as chat.example.com"
	Host string `json:"host"`
	// ClassName names an IngressClass. Absent: the cluster's default.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')",message="use the name of an IngressClass (kubectl get ingressclasses), such as nginx: small letters, digits, '-' and '.'"
	ClassName *string `json:"className,omitempty"`
	// TLS serves the platform by https, with the certificate that it names.
	// +optional
	TLS *IngressTLS `json:"tls,omitempty"`
	// Annotations are added to those that let event streams and WebSockets through the common controllers.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(key, key.matches('^([a-zA-Z0-9][a-zA-Z0-9.-]*/)?[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$'))",message="use keys of letters, digits, '-', '_' and '.', with a domain and '/' before them if need be, such as cert-manager.io/cluster-issuer"
	Annotations map[string]string `json:"annotations,omitempty"`
}

// IngressTLS says where the certificate is.
type IngressTLS struct {
	// SecretName names a Secret of type kubernetes.io/tls, which may be made by cert-manager.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')",message="use the name of a Secret of this namespace, such as chat-tls: small letters, digits, '-' and '.'"
	SecretName string `json:"secretName"`
}

// ObservabilitySpec is about traces and metrics.
type ObservabilitySpec struct {
	// Tracing sends traces of services and sidecars somewhere; without it there are none.
	// +optional
	Tracing *TracingSpec `json:"tracing,omitempty"`
	// ServiceMonitors makes one for each service where the cluster has that API (Prometheus Operator).
	// +optional
	ServiceMonitors bool `json:"serviceMonitors,omitempty"`
}

// TracingSpec says where traces go.
type TracingSpec struct {
	// Endpoint takes OTLP over HTTP, such as http://collector.observability:4318.
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[a-zA-Z0-9.-]+:[0-9]{1,5}$')",message="use the URL of an endpoint for OTLP over HTTP, with a host and a port and no path, such as http://collector.observability:4318"
	Endpoint string `json:"endpoint"`
}

// NetworkPolicySpec is about who may open connections to the platform's pods.
type NetworkPolicySpec struct {
	// Enabled is true when absent.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// IngressFrom is where connections to gateway and realtime may come from. Empty: everywhere.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	IngressFrom []NetworkPeer `json:"ingressFrom,omitempty"`
}

// NetworkPeer is pods of namespaces.
//
// +kubebuilder:validation:XValidation:rule="has(self.namespaceSelector) || has(self.podSelector)",message="say which namespaces (namespaceSelector), which pods (podSelector) or both; namespaceSelector: {} is all namespaces"
type NetworkPeer struct {
	// NamespaceSelector selects namespaces by label, all of them when it is {}. Absent: the platform's own.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// PodSelector selects pods of these namespaces. Absent: all of them.
	// +optional
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`
}
