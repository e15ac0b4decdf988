package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ChatPlatformSpec is the platform that is wanted. Everything is optional: an empty spec is a platform with a Redis and a Postgres of
// its own, which are for trial.
//
// +kubebuilder:validation:XValidation:rule="!has(self.settings) || !has(self.config)",message="spec.settings go into the platform's own configuration store: remove them and write them into the store that spec.config names, or remove spec.config",fieldPath=".settings"
type ChatPlatformSpec struct {
	// Version of the services, the tag of their images. Empty: the one that the operator brought when the platform was made, so that
	// an upgrade of the operator alone changes nothing.
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
	// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type.matches('^pubsub[.][a-z0-9.-]+$')",message="use one of Dapr's pub/sub components, such as pubsub.kafka, pubsub.rabbitmq, pubsub.jetstream or pubsub.redis",fieldPath=".type"
	PubSub *ComponentSpec `json:"pubsub,omitempty"`
	// Fanout is the broadcast to every replica of realtime. Empty: the trial Redis.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type.matches('^pubsub[.][a-z0-9.-]+$')",message="use one of Dapr's pub/sub components, such as pubsub.kafka, pubsub.rabbitmq, pubsub.jetstream or pubsub.redis",fieldPath=".type"
	Fanout *ComponentSpec `json:"fanout,omitempty"`
	// State has presence, records of signups and ended sessions. Empty: the trial Redis.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type.matches('^state[.][a-z0-9.-]+$')",message="use one of Dapr's state stores with TTL and ETags, such as state.redis, state.postgresql or state.mongodb",fieldPath=".type"
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
	ClassName *string `json:"className,omitempty"`
	// TLS serves the platform by https, with the certificate that it names.
	// +optional
	TLS *IngressTLS `json:"tls,omitempty"`
	// Annotations are added to those that let event streams and WebSockets through the common controllers.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// IngressTLS says where the certificate is.
type IngressTLS struct {
	// SecretName names a Secret of type kubernetes.io/tls, which may be made by cert-manager.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName"`
}

// ComponentSpec is a Dapr building block: a component that the operator makes (type and metadata), or one of the user's own
// (componentRef).
//
// +kubebuilder:validation:XValidation:rule="has(self.type) != has(self.componentRef)",message="set either type, with metadata, for a component that the operator makes, or componentRef for one of your own"
// +kubebuilder:validation:XValidation:rule="!has(self.componentRef) || (!has(self.metadata) && !has(self.version))",message="metadata and version belong to type: a component of your own (componentRef) has them itself"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || !self.type.endsWith('.in-memory')",message="an in-memory component is the memory of a single pod, and pods would not see each other's: use one that has a server",fieldPath=".type"
type ComponentSpec struct {
	// Type is Dapr's, such as pubsub.kafka.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Type string `json:"type,omitempty"`
	// Version of the component type. Empty: the one that the platform's own definition of the type has, or else v1.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Version string `json:"version,omitempty"`
	// Metadata is Dapr's for that type. It is added to, and wins over, what the platform needs of that type.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=name
	Metadata []MetadataItem `json:"metadata,omitempty"`
	// ComponentRef names a Dapr Component in the platform's namespace.
	// +optional
	// +kubebuilder:validation:XValidation:rule="size(self.name) > 0",message="name a Dapr Component of this namespace",fieldPath=".name"
	ComponentRef *corev1.LocalObjectReference `json:"componentRef,omitempty"`
}

// MetadataItem is one setting of a component.
//
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.secretKeyRef)",message="set either value or secretKeyRef; passwords and tokens belong into a Secret"
type MetadataItem struct {
	// Name is Dapr's, such as redisHost.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name"`
	// Value is a string, so numbers and true or false need quotes.
	// +optional
	Value *string `json:"value,omitempty"`
	// SecretKeyRef is where the value is, if it is secret.
	// +optional
	SecretKeyRef *SecretKeyRef `json:"secretKeyRef,omitempty"`
}

// SecretKeyRef names a value in a Secret of the platform's namespace.
type SecretKeyRef struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Key in the Secret's data.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// DatabaseSpec names the database.
type DatabaseSpec struct {
	// SecretRef names a Secret with a PostgreSQL connection string under the key dsn, such as
	// postgres://moim:…@db.example.com/moim?sslmode=verify-full, whose role may create schemas. A key named like a service, such as
	// chat, is that service's own connection string.
	// +kubebuilder:validation:XValidation:rule="size(self.name) > 0",message="name a Secret of this namespace, with a connection string under the key dsn",fieldPath=".name"
	SecretRef corev1.LocalObjectReference `json:"secretRef"`
}

// SettingsSpec is what services read from the configuration store and follow without a restart. What is empty is the service's default.
type SettingsSpec struct {
	// Signup is about signing up.
	// +optional
	Signup *SignupSettings `json:"signup,omitempty"`
	// Limits bound what one caller may do.
	// +optional
	Limits *LimitSettings `json:"limits,omitempty"`
}

// SignupSettings are about signing up.
type SignupSettings struct {
	// Mode is lenient (the account stays when a service refuses or is late, and the others catch up) or strict (any failure undoes all).
	// +optional
	// +kubebuilder:validation:Enum=lenient;strict
	Mode string `json:"mode,omitempty"`
	// Timeout is how long each service may take to answer, between 1s and 10m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,9}(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('10m')",message="use a duration between 1s and 10m, such as 30s or 1m30s"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// LimitSettings bound what one caller may do.
type LimitSettings struct {
	// RequestsPerUser is the HTTP requests per second of one user in the long run.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	RequestsPerUser *int32 `json:"requestsPerUser,omitempty"`
	// RequestsPerAddress is the HTTP requests per second from one address in the long run.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	RequestsPerAddress *int32 `json:"requestsPerAddress,omitempty"`
	// SignupsPerAddress is the signups per hour from one address.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	SignupsPerAddress *int32 `json:"signupsPerAddress,omitempty"`
	// LoginsPerAddress is the logins per minute from one address.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	LoginsPerAddress *int32 `json:"loginsPerAddress,omitempty"`
	// FramesPerConnection is the STOMP frames per second of one connection in the long run.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	FramesPerConnection *int32 `json:"framesPerConnection,omitempty"`
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

// DeletionPolicy says what becomes of data.
//
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

// Deletion policies.
const (
	Retain DeletionPolicy = "Retain"
	Delete DeletionPolicy = "Delete"
)

// TrialSpec is about the Redis and the Postgres that the operator brings where none is named. They have one replica and no backup.
type TrialSpec struct {
	// DeletionPolicy is what becomes of their volumes, and of the passwords that open them, when the ChatPlatform is deleted; Retain when empty.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// StorageSize of each volume; 1Gi when absent. It can't be changed: a StatefulSet's volumes keep their size.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="put the old size back, as volumes keep theirs: for more room delete the platform and make it anew, or move to stores of your own (spec.database, spec.pubsub, ...)"
	StorageSize *resource.Quantity `json:"storageSize,omitempty"`
	// StorageClassName of the volumes. Absent: the cluster's default. It can't be changed: a StatefulSet's volumes keep their class.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="put the old class back, as volumes keep theirs: for another class delete the platform and make it anew, or move to stores of your own (spec.database, spec.pubsub, ...)"
	// +kubebuilder:validation:MaxLength=253
	StorageClassName *string `json:"storageClassName,omitempty"`
}
