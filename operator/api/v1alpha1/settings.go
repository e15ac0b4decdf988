package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
