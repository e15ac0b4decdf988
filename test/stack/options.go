package stack

import (
	"fmt"
	"path/filepath"
	"slices"

	"moim.dev/moim/test/stack/prepare"
)

// Options say what to start. Only Services must be set.
type Options struct {
	// Root is the repository. Default: the one that the working directory is in.
	Root string
	// Dir has the data and the logs. A stack that is started with the Dir of an earlier one finds its data. Default: .moim in Root.
	Dir string
	// Components has the Dapr resources. Default: dapr-components/local in Root.
	Components string
	// Services is what to run.
	Services []Service
	// GatewayAddr is where the gateway listens. Default: a free port of 127.0.0.1.
	GatewayAddr string
	// Web has the gateway serve the web client, which is built first where its sources changed.
	Web bool
	// Race builds the services with Go's race detector.
	Race bool
	// Progress gets a line for each step of the start, and for each program that died later. Default: none.
	Progress func(string)
}

// Service is what to run of one service.
type Service struct {
	// App is the Dapr app id.
	App string
	// Replicas is how many to run, each with a sidecar. Default: 1.
	Replicas int
	// Env is added to the environment of each replica.
	Env map[string]string
	// Package is the Go package of the program. Default: ./services/<App>.
	Package string
}

func (o *Options) setDefaults() (err error) {
	if o.Root == "" {
		if o.Root, err = prepare.Root(); err != nil {
			return err
		}
	}
	if o.Dir == "" {
		o.Dir = filepath.Join(o.Root, ".moim")
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return fmt.Errorf("find the data directory: %w", err)
	}
	if o.Components == "" {
		o.Components = filepath.Join(o.Root, "dapr-components", "local")
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	o.Services = slices.Clone(o.Services)
	for i := range o.Services {
		service := &o.Services[i]
		service.Replicas = max(service.Replicas, 1)
		if service.Package == "" {
			service.Package = "./services/" + service.App
		}
	}
	return nil
}
