package stack

import (
	"context"
	"fmt"
	"sort"
	"syscall"
)

// URL is where the gateway serves the platform.
func (s *Stack) URL() string { return "http://" + s.publicHost }

// Dir is where the data and the logs are.
func (s *Stack) Dir() string { return s.options.Dir }

// Addr is where the service of a replica ("chat-0") listens.
func (s *Stack) Addr(replica string) string { return s.replica(replica).addr }

// AdminAddr is where a replica's /livez, /readyz and /metrics are.
func (s *Stack) AdminAddr(replica string) string { return s.replica(replica).admin }

// Sidecar returns the address of the HTTP API of a replica's sidecar and the token that it wants in the header dapr-api-token.
func (s *Stack) Sidecar(replica string) (addr, token string) {
	r := s.replica(replica)
	return address(r.daprHTTP), r.daprToken
}

// AppToken is what the sidecar of a replica shows to its service in the header dapr-api-token.
func (s *Stack) AppToken(replica string) string { return s.replica(replica).appToken }

// DSN opens the database as an app's own role, or with everything allowed as "postgres".
func (s *Stack) DSN(app string) string { return s.Secret(app, "dsn") }

// Secret returns a value that Dapr's secret store has for an app, such as the adminPassword of auth.
func (s *Stack) Secret(app, key string) string { return s.secrets[app][key] }

// Redis returns where Redis listens, and its password.
func (s *Stack) Redis() (addr, password string) { return s.redisAddr, s.secrets["redis"]["password"] }

// Names returns what the methods below know: "postgres", "redis", "chat-0", "chat-0/daprd", …
func (s *Stack) Names() []string {
	names := make([]string, 0, len(s.processes))
	for name := range s.processes {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// PID returns the id of a process, or 0 when it is not running.
func (s *Stack) PID(name string) int { return s.named(name).pid() }

// Log returns the path of the file with everything that a process printed.
func (s *Stack) Log(name string) string { return s.named(name).log }

// Kill ends a process as a crash does; it is started again like any that dies.
func (s *Stack) Kill(name string) error { return s.named(name).signal(syscall.SIGKILL) }

// Terminate asks a process to end (SIGTERM); it is started again.
func (s *Stack) Terminate(name string) error { return s.named(name).signal(syscall.SIGTERM) }

// StopProcess ends a process, which stays down until StartProcess. It is killed if it hasn't ended when ctx is done.
func (s *Stack) StopProcess(ctx context.Context, name string) { s.named(name).stop(ctx) }

// StartProcess starts a process that StopProcess stopped, or one that waits for its next attempt; WaitReady waits for it.
func (s *Stack) StartProcess(name string) { s.named(name).start() }

// Restart ends a process, starts it and waits until it is ready.
func (s *Stack) Restart(ctx context.Context, name string) error {
	s.StopProcess(ctx, name)
	s.StartProcess(name)
	return s.WaitReady(ctx, name)
}

// WaitReady waits until a process can do its work. After Kill or Terminate it may still be the old one that is seen ready: compare PID.
func (s *Stack) WaitReady(ctx context.Context, name string) error {
	return s.named(name).awaitReady(ctx)
}

// named panics on a name that the stack doesn't have: a mistake in the program that uses it.
func (s *Stack) named(name string) *process {
	p, ok := s.processes[name]
	if !ok {
		panic(fmt.Sprintf("the stack has no process %q, only %q", name, s.Names()))
	}
	return p
}

func (s *Stack) replica(name string) *replica {
	for _, r := range s.replicas {
		if r.name == name {
			return r
		}
	}
	panic(fmt.Sprintf("the stack has no replica %q, only %q", name, s.Names()))
}

// addrs returns where the replicas of an app listen.
func (s *Stack) addrs(app string) []string {
	var addrs []string
	for _, r := range s.replicas {
		if r.service.App == app {
			addrs = append(addrs, r.addr)
		}
	}
	return addrs
}
