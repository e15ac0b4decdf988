// Package build turns a ChatPlatform into the objects that it consists of. It reads nothing and writes nothing: the same input makes the
// same objects, whatever the cluster holds.
package build

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// Random returns n bytes that nobody can guess.
	Random func(n int) []byte
	// ServiceMonitors says whether the cluster has the API of the Prometheus Operator.
	ServiceMonitors bool
}

// Stage is a set of objects whose pods may start together, when everything of the stages before it is healthy.
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

// Field is the part of the spec that an object comes of, as far as there is one.
func Field(p *v1alpha1.ChatPlatform, object client.Object) string {
	part := object.GetLabels()[LabelService]
	switch object.GetObjectKind().GroupVersionKind().Kind {
	case "Ingress":
		return "spec.ingress"
	case "NetworkPolicy":
		return "spec.networkPolicy"
	case "ServiceMonitor":
		return "spec.observability"
	case "Component":
		for _, k := range (&builder{ChatPlatform: p}).blocks() {
			if k.name == part && k.spec != nil {
				return k.field
			}
		}
		return "spec"
	}
	switch {
	case slices.Contains(Services(), part):
		return "spec.services." + part
	case part == "postgres" || part == "redis":
		return "spec.trial"
	}
	return "spec"
}

// Build returns everything that a platform consists of, in the order in which it is rolled out. The error is a *FieldError.
//
// There is no Dapr Subscription among it: the services stream their subscriptions, with the dead letter topics.
func Build(p *v1alpha1.ChatPlatform, in Inputs) ([]Stage, error) {
	generated := make(map[string]map[string][]byte, len(in.Generated))
	for name, data := range in.Generated {
		generated[name] = maps.Clone(data)
	}
	in.Generated = generated
	b := &builder{ChatPlatform: p, in: in, data: map[string]map[string][]byte{}}
	configuration, err := b.configuration()
	if err != nil {
		return nil, err
	}
	stages := []Stage{{Name: "configuration", Objects: configuration}, {Name: "stores", Objects: b.stores()}}
	services, realtime := Stage{Name: "services"}, Stage{Name: "realtime"}
	for i := range catalogue {
		objects, err := b.service(&catalogue[i])
		if err != nil {
			return nil, err
		}
		if catalogue[i].stateful {
			realtime.Objects = objects
		} else {
			services.Objects = append(services.Objects, objects...)
		}
	}
	stages = append(stages, services, realtime)
	if p.Spec.Ingress != nil {
		stages = append(stages, Stage{Name: "entry", Objects: []client.Object{b.ingress()}})
	}
	return stages, nil
}

// builder is one build.
type builder struct {
	*v1alpha1.ChatPlatform
	in Inputs
	// data of the Secrets that were built.
	data map[string]map[string][]byte
}

// configuration is what must be there before any pod starts.
func (b *builder) configuration() ([]client.Object, error) {
	secrets, err := b.secrets()
	if err != nil {
		return nil, err
	}
	components, err := b.components()
	if err != nil {
		return nil, err
	}
	return slices.Concat(secrets, b.accounts(), b.settings(), components, b.access(), b.networkPolicies()), nil
}

// name is <platform>-<part>.
func (b *builder) name(part string) string { return Name(b.ChatPlatform, part) }

// meta is the metadata of an object that goes with the platform.
func (b *builder) meta(name, part string) metav1.ObjectMeta {
	m := b.kept(name, part)
	m.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "ChatPlatform", Name: b.Name, UID: b.UID,
		Controller: new(true), BlockOwnerDeletion: new(true),
	}}
	return m
}

// kept is the metadata of an object that outlives the platform.
func (b *builder) kept(name, part string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: b.Namespace, Labels: b.labels(part)}
}

func (b *builder) labels(part string) map[string]string {
	return map[string]string{
		LabelManagedBy: ManagedBy, LabelPlatform: b.Name, LabelService: part, "app.kubernetes.io/part-of": "moim",
	}
}

// selector selects the pods of one part.
func (b *builder) selector(part string) map[string]string {
	return map[string]string{LabelPlatform: b.Name, LabelService: part}
}

// Version is the version of the services: the spec's, or the one that was rolled out with success before, or the operator's.
func Version(p *v1alpha1.ChatPlatform, in Inputs) string {
	return cmp.Or(p.Spec.Version, p.Status.Version, in.Version)
}
