package stack_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/test/stack"
)

const echo = "./test/stack/testdata/echo"

// reports collects the lines that a stack reports.
type reports struct {
	t     *testing.T
	mu    sync.Mutex
	lines []string
	added chan struct{}
}

func newReports(t *testing.T) *reports { return &reports{t: t, added: make(chan struct{}, 1)} }

func (r *reports) add(line string) {
	r.t.Log(line)
	r.mu.Lock()
	r.lines = append(r.lines, line)
	r.mu.Unlock()
	select {
	case r.added <- struct{}{}:
	default:
	}
}

// await waits for a line that has all the parts.
func (r *reports) await(ctx context.Context, parts ...string) {
	r.t.Helper()
	for {
		r.mu.Lock()
		for _, line := range r.lines {
			found := 0
			for _, part := range parts {
				if strings.Contains(line, part) {
					found++
				}
			}
			if found == len(parts) {
				r.mu.Unlock()
				return
			}
		}
		r.mu.Unlock()
		select {
		case <-r.added:
		case <-ctx.Done():
			r.t.Fatalf("no line reported has %q", parts)
		}
	}
}

func TestStack(t *testing.T) {
	lines := newReports(t)
	s := stack.ForTest(t, stack.Options{
		Services: []stack.Service{{App: "caller", Package: echo}, {App: "echo", Package: echo, Replicas: 2}},
		Progress: lines.add,
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	t.Run("sidecars find each other and share the calls among the replicas", func(t *testing.T) {
		seen := map[string]bool{}
		for len(seen) < 2 {
			answer := invoke(t, ctx, s, "caller-0", "echo", "name")
			seen[answer] = true
		}
		if !seen["echo-0 called by caller"] || !seen["echo-1 called by caller"] {
			t.Errorf("the replicas answered %v", seen)
		}
	})

	t.Run("a sidecar serves only its own app's secret", func(t *testing.T) {
		if status, body := get(t, ctx, s, "echo-0", "/v1.0/secrets/secrets/echo"); status != http.StatusOK || !strings.Contains(body, "dsn") {
			t.Errorf("own secret: %d %s", status, body)
		}
		if status, _ := get(t, ctx, s, "echo-0", "/v1.0/secrets/secrets/caller"); status != http.StatusForbidden {
			t.Errorf("another app's secret: %d, want 403", status)
		}
	})

	t.Run("an app reads and writes its own schema and no other", func(t *testing.T) {
		conn := connect(t, ctx, s.DSN("echo"))
		if _, err := conn.Exec(ctx, "CREATE TABLE thing (id int)"); err != nil {
			t.Error(err)
		}
		other := connect(t, ctx, s.DSN("caller"))
		if _, err := other.Exec(ctx, "SELECT * FROM echo.thing"); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("reading another app's table: %v, want permission denied", err)
		}
		if _, err := other.Exec(ctx, "CREATE TABLE public.thing (id int)"); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("writing to public: %v, want permission denied", err)
		}
	})

	for _, name := range []string{"redis", "postgres", "echo-0", "echo-0/daprd"} {
		t.Run("a killed "+name+" is started again and reported", func(t *testing.T) {
			old := s.PID(name)
			if err := s.Kill(name); err != nil {
				t.Fatal(err)
			}
			lines.await(ctx, name+" stopped (signal: killed)", s.Log(name))
			if err := s.WaitReady(ctx, name); err != nil {
				t.Fatal(err)
			}
			if now := s.PID(name); now == old || now == 0 {
				t.Errorf("process id %d after %d", now, old)
			}
		})
	}

	t.Run("a stopped process stays down until it is started", func(t *testing.T) {
		s.StopProcess(ctx, "redis")
		if pid := s.PID("redis"); pid != 0 {
			t.Errorf("process id %d after the stop", pid)
		}
		s.StartProcess("redis")
		if err := s.WaitReady(ctx, "redis"); err != nil {
			t.Error(err)
		}
	})
}

func TestStopLeavesNothingAndTheDataIsFoundAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := filepath.Join(publicTempDir(t), "data")
	options := stack.Options{Dir: dir, Services: []stack.Service{{App: "echo", Package: echo}}, Progress: func(line string) { t.Log(line) }}

	s, err := stack.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, ctx, s.DSN("echo")).Exec(ctx, "CREATE TABLE kept AS SELECT 7 AS number"); err != nil {
		t.Fatal(err)
	}
	if status, body := post(t, ctx, s, "echo-0", "/v1.0/state/state", `[{"key":"kept","value":7}]`); status != http.StatusNoContent {
		t.Fatalf("save state: %d %s", status, body)
	}
	var pids []int
	for _, name := range s.Names() {
		pids = append(pids, s.PID(name))
	}
	if _, err := stack.Start(ctx, options); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second stack with the same data: %v, want that it is in use", err)
	}
	s.Stop(ctx)
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d is still there after Stop", pid)
		}
	}

	began := time.Now()
	if s, err = stack.Start(ctx, options); err != nil {
		t.Fatal(err)
	}
	defer s.Stop(ctx)
	t.Logf("the second start took %s", time.Since(began))
	var number int
	if err := connect(t, ctx, s.DSN("echo")).QueryRow(ctx, "SELECT number FROM kept").Scan(&number); err != nil || number != 7 {
		t.Errorf("kept %d, %v; want 7", number, err)
	}
	if status, body := get(t, ctx, s, "echo-0", "/v1.0/state/state/kept"); body != "7" {
		t.Errorf("kept state: %d %s, want 7", status, body)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	failing := stack.Service{App: "echo", Package: echo, Env: map[string]string{"ECHO_FAIL": "no more hats"}}

	for name, test := range map[string]struct {
		options stack.Options
		want    []string
	}{
		"when the gateway's port is in use": {
			stack.Options{GatewayAddr: taken.Addr().String(), Services: []stack.Service{{App: "gateway", Package: echo}}},
			[]string{taken.Addr().String() + " is in use by another program"},
		},
		"when a service ends at each start": {
			stack.Options{Services: []stack.Service{failing}},
			[]string{"echo-0 ends right after each start", "logs/echo-0.log", "asked to fail: no more hats"},
		},
		"when the program doesn't build": {
			stack.Options{Services: []stack.Service{{App: "nobody", Package: "./test/stack/testdata/nobody"}}},
			[]string{"building the services", "testdata/nobody"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Dir = filepath.Join(publicTempDir(t), "data")
			s, err := stack.Start(ctx, test.options)
			if err == nil {
				s.Stop(ctx)
				t.Fatal("it started")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

// publicTempDir is t.TempDir for data that the user postgres has to reach.
func publicTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "moim-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func connect(t *testing.T, ctx context.Context, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // a stopped Postgres has closed it already
	return conn
}

func invoke(t *testing.T, ctx context.Context, s *stack.Stack, from, app, path string) string {
	t.Helper()
	status, body := get(t, ctx, s, from, "/v1.0/invoke/"+app+"/method/"+path)
	if status != http.StatusOK {
		t.Fatalf("call %s: %d %s", app, status, body)
	}
	return body
}

func get(t *testing.T, ctx context.Context, s *stack.Stack, replica, path string) (int, string) {
	t.Helper()
	return do(t, ctx, s, replica, http.MethodGet, path, "")
}

func post(t *testing.T, ctx context.Context, s *stack.Stack, replica, path, body string) (int, string) {
	t.Helper()
	return do(t, ctx, s, replica, http.MethodPost, path, body)
}

// do calls the Dapr API of a replica's sidecar.
func do(t *testing.T, ctx context.Context, s *stack.Stack, replica, method, path, body string) (int, string) {
	t.Helper()
	addr, token := s.Sidecar(replica)
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://%s%s", addr, path), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("dapr-api-token", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}
