// Package daprcomponents has every Dapr resource that the platform uses, as the YAML files beside it.
package daprcomponents

import "embed"

// Files has a folder for each profile: local is what `make up` gives to its sidecars.
//
//go:embed local
var Files embed.FS
