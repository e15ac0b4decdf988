package stack

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// ForTest starts a stack with data of its own and stops it when the test ends. When the test has failed by then, the ends of the logs
// are printed. The services are built with the race detector if the test is.
func ForTest(t testing.TB, options Options) *Stack {
	t.Helper()
	// Not t.TempDir: the user postgres has to be able to enter.
	dir, err := os.MkdirTemp("", "moim-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what can't be removed is left to the system's own tidying
	options.Dir, options.Race = dir, raceEnabled
	if options.Progress == nil {
		options.Progress = func(line string) { t.Log(line) }
	}

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // the services may have to be built first
	defer cancel()
	s, err := start(ctx, options, true)
	if err != nil {
		t.Fatalf("start the stack: %v", err)
	}
	t.Cleanup(func() {
		s.Stop(context.Background())
		if t.Failed() {
			for _, name := range s.Names() {
				t.Logf("--- the end of the log of %s:\n%s", name, logTail(s.Log(name), 40))
			}
		}
		for _, outside := range s.outside {
			_ = os.RemoveAll(outside)
		}
	})
	return s
}

// RedisCommand runs a command in Redis and returns what redis-cli prints.
func (s *Stack) RedisCommand(t testing.TB, args ...string) string {
	t.Helper()
	addr, password := s.Redis()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "redis-cli", append([]string{"-h", host, "-p", port}, args...)...)
	cmd.Env = []string{"REDISCLI_AUTH=" + password}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}
