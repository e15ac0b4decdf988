package stack

import (
	"context"
	"strings"
	"sync"
	"time"
)

// stopTimeout is how long each of Stop's steps may take before what is left is killed.
const stopTimeout = 15 * time.Second

// Stop ends everything, in an order in which nobody misses what it needs: the edge, the services, their sidecars, the stores.
func (s *Stack) Stop(ctx context.Context) {
	isEdge := func(name string) bool {
		return strings.HasPrefix(name, "gateway-") || strings.HasPrefix(name, "realtime-")
	}
	isSidecar := func(name string) bool { return strings.HasSuffix(name, "/daprd") }
	isStore := func(name string) bool { return name == "postgres" || name == "redis" }
	steps := []func(string) bool{
		func(name string) bool { return isEdge(name) && !isSidecar(name) },
		func(name string) bool { return !isEdge(name) && !isSidecar(name) && !isStore(name) },
		isSidecar,
		isStore,
	}
	for _, step := range steps {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		var wait sync.WaitGroup
		for name, p := range s.processes {
			if step(name) {
				wait.Go(func() { p.stop(ctx) })
			}
		}
		wait.Wait()
		cancel()
	}
	s.supervised()
	for _, p := range s.processes {
		<-p.gone
	}
	close(s.spawn)
	if s.ports != nil {
		s.ports.close()
	}
	if s.dirLock != nil {
		s.dirLock.Close()
	}
}
