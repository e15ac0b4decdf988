// Package build turns a ChatPlatform into the objects that it consists of. It reads nothing and writes nothing: the same input makes the
// same objects, whatever the cluster holds.
package build

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// Inputs is what a platform is built from beside its spec.
type Inputs struct {
	// Version and Registry are used where the spec names none.
	Version, Registry string
	// RedisImage and PostgresImage are the images of the trial stores.
	RedisImage, PostgresImage string
	// Generated has the data of the Secrets that the operator generated, by name, as far as they are there. Keys that are missing are
	// made anew with Random; those that are there stay what they are.
	Generated map[string]map[string][]byte
	// Database has the data of the Secret that spec.database names; nil without one.
	Database map[string][]byte
	// Random returns a new secret of at least 128 bits, in letters and digits.
	Random func() string
	// ServiceMonitors says whether the cluster has the API of the Prometheus Operator.
	ServiceMonitors bool
}

// Stage is a set of objects that may be applied together, when everything of the stages before it is healthy.
type Stage struct {
	// Name is configuration, stores, services, realtime or entry.
	Name    string
	Objects []client.Object
}

// FieldError is a spec that can't be built, which only its author can mend.
type FieldError struct {
	// Field is a path such as spec.services.chat.podTemplate.
	Field   string
	Message string
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Message) }

// Build returns everything that a platform consists of, in the order in which it is rolled out. The error is a *FieldError.
func Build(p *v1alpha1.ChatPlatform, in Inputs) ([]Stage, error) {
	panic("not written yet")
}
