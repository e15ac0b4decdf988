// Package daprcomponents has every Dapr resource that the platform uses, as the YAML files beside it.
package daprcomponents

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Files has a folder for each profile: local is what `make up` gives to its sidecars, with Redis for everything; kubernetes is what only
// a cluster has; the others have what differs with that broker or store.
//
//go:embed */*.yaml
var Files embed.FS

// folders says where the components of a type are.
var folders = map[string]string{
	"redis": "local", "kafka": "kafka", "rabbitmq": "rabbitmq", "jetstream": "jetstream", "postgresql": "postgresql",
	"kubernetes": "kubernetes",
}

// Component returns the component that the platform uses for a block (events, fanout, state, lock, config or secrets) when it is of a
// type such as pubsub.redis; false if the platform has no opinion about that type.
func Component(block, componentType string) ([]byte, bool) {
	_, kind, _ := strings.Cut(componentType, ".")
	folder, ok := folders[kind]
	if !ok {
		return nil, false
	}
	content, err := fs.ReadFile(Files, path.Join(folder, block+".yaml"))
	return content, err == nil
}

// Resiliency returns how often what failed is tried again.
func Resiliency() []byte { return mustRead("local/resiliency.yaml") }

// Access returns the Configurations of all apps on Kubernetes, as one YAML document each.
func Access() []byte { return mustRead("kubernetes/access.yaml") }

func mustRead(name string) []byte {
	content, err := Files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("an embedded file is missing: %v", err))
	}
	return content
}
