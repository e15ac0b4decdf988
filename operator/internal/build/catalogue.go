package build

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"moim.dev/moim/operator/api/v1alpha1"
)

// service is what the operator knows about a service.
type service struct {
	name string
	// override is its part of the spec.
	override func(*v1alpha1.ServicesSpec) *v1alpha1.ServiceSpec
	// database says that it has a schema, and so a Secret with a DSN.
	database bool
	// blocks are the components that it uses.
	blocks []string
	// memory is the limit; what is requested is a quarter.
	memory string
	// delay is how long a replica that is to stop takes requests as ever, until nobody knows of it any more; then drain is how long it has to
	// end what was begun. Both are in seconds.
	delay, drain int64
	// stateful says that its replicas keep their names, and with them their consumers at the broker. It is rolled out when all else is healthy.
	stateful bool
}

// invoked is the delay of a service that others call through their sidecars. A sidecar that has looked a name up keeps the answer until its
// connection breaks, and then asks again 30 s after it last asked, not earlier; CoreDNS answers from its cache for another 30 s. A caller that
// has come up during a rollout, and was told of the old pod alone, could otherwise not reach the service until then.
const invoked = 65

// catalogue has all services, in the order in which they are rolled out.
var catalogue = []service{
	{name: "auth", override: func(s *v1alpha1.ServicesSpec) *v1alpha1.ServiceSpec { return &s.Auth }, database: true,
		blocks: []string{"events", "fanout", "state", "config", "secrets"}, memory: "512Mi", delay: invoked, drain: 20}, // argon2id takes 19 MiB a password.
	{name: "user", override: func(s *v1alpha1.ServicesSpec) *v1alpha1.ServiceSpec { return &s.User }, database: true,
		blocks: []string{"events", "state", "secrets"}, memory: "256Mi", delay: invoked, drain: 20},
	{name: "customer", override: func(s *v1alpha1.ServicesSpec) *v1alpha1.ServiceSpec { return &s.Customer }, database: true,
		blocks: []string{"events", "state", "secrets"}, memory: "256Mi", delay: invoked, drain: 20},
	{name: "chat", override: func(s *v1alpha1.ServicesSpec) *v1alpha1.ServiceSpec { return &s.Chat }, database: true,
		blocks: []string{"events", "fanout", "state", "lock", "secrets"}, memory: "256Mi", delay: invoked, drain: 20},
	{name: "message", override: func(s *v1alpha1.ServicesSpec) *v1alpha1.ServiceSpec { return &s.Message }, database: true,
		blocks: []string{"events", "fanout", "state", "secrets"}, memory: "256Mi", delay: invoked, drain: 20},
	{name: "gateway", override: func(s *v1alpha1.ServicesSpec) *v1alpha1.ServiceSpec { return &s.Gateway },
		blocks: []string{"state", "config"}, memory: "256Mi", delay: 5, drain: 20},
	{name: "realtime", override: func(s *v1alpha1.ServicesSpec) *v1alpha1.ServiceSpec { return &s.Realtime },
		blocks: []string{"fanout", "state", "config"}, memory: "1Gi", drain: 30, stateful: true}, // It begins at once to send connections away.
}

// Services returns the names of all services, in the order in which they are rolled out.
func Services() []string {
	names := make([]string, len(catalogue))
	for i, s := range catalogue {
		names[i] = s.name
	}
	return names
}

// users returns the app ids of the services that use a block.
func (b *builder) users(block string) []string {
	var ids []string
	for _, s := range catalogue {
		if slices.Contains(s.blocks, block) {
			ids = append(ids, b.name(s.name))
		}
	}
	return ids
}

// resources of the service's container, unless the spec has others. A service that an autoscaler watches requests what one replica is to
// carry: with what an idle one needs, the first requests would have it scaled to the maximum.
func (s *service) resources(override *v1alpha1.ServiceSpec) corev1.ResourceRequirements {
	if override.Resources != nil {
		return *override.Resources
	}
	cpu := "20m"
	if override.Autoscaling != nil {
		cpu = "250m"
	}
	limit := resource.MustParse(s.memory)
	request := resource.NewQuantity(limit.Value()/4, resource.BinarySI)
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: *request},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: limit},
	}
}

// replicas is the fixed number of replicas; nil when an autoscaler decides.
func replicas(s *v1alpha1.ServiceSpec) *int32 {
	switch {
	case s.Autoscaling != nil:
		return nil
	case s.Replicas != nil:
		return s.Replicas
	}
	return new(int32(1))
}

// Autoscaling is how a service is autoscaled; nil when it isn't, or when the part is no service.
func Autoscaling(p *v1alpha1.ChatPlatform, part string) *v1alpha1.AutoscalingSpec {
	for _, s := range catalogue {
		if s.name == part {
			return s.override(&p.Spec.Services).Autoscaling
		}
	}
	return nil
}

// several says whether there can be more than one replica.
func several(s *v1alpha1.ServiceSpec) bool {
	if s.Autoscaling != nil {
		return s.Autoscaling.MaxReplicas > 1
	}
	return s.Replicas != nil && *s.Replicas > 1
}
