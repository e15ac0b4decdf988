package build

import "moim.dev/moim/operator/api/v1alpha1"

// Labels of everything that belongs to a platform.
const (
	// LabelManagedBy has the value ManagedBy on every object that the operator makes: its caches hold nothing else.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// LabelPlatform has the platform's name.
	LabelPlatform = "moim.dev/platform"
	// LabelService has the service's name, such as chat, or redis or postgres.
	LabelService = "app.kubernetes.io/name"

	// ManagedBy is also the operator's field manager.
	ManagedBy = "moim-operator"
)

// Name returns the name of a platform's object: <platform>-<part>. For a service it is the name of its workload, of its Service, of its
// ServiceAccount, of the Secret it reads and its Dapr app id; for events, fanout, state, lock, config and secrets the name of a component.
func Name(p *v1alpha1.ChatPlatform, part string) string { return p.Name + "-" + part }
