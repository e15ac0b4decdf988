package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

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
