package settings

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"moim.dev/moim/test/stack"
)

const follower = "follower-0"

// follows runs a service on a real sidecar and Redis.
type follows struct{ *stack.Stack }

func follow(t *testing.T, reread string) follows {
	t.Helper()
	return follows{stack.ForTest(t, stack.Options{Services: []stack.Service{{
		App: "follower", Package: "./services/internal/settings/testdata/follower", Env: map[string]string{"MOIM_SETTINGS_REREAD": reread},
	}}})}
}

// TestFollow has the store tell of changes: it is not read again by itself.
func TestFollow(t *testing.T) {
	f := follow(t, "1h")
	f.await(t, "lenient 10s 0.5")
	first := f.PID(follower)
	f.RedisCommand(t, "MSET", "signup.mode", "strict||1", "signup.timeout", "1m30s", "limits.requestsPerUser", "7||3")
	f.await(t, "strict 1m30s 7")

	f.RedisCommand(t, "SET", "signup.mode", "sometimes||2")
	f.awaitLog(t, `key=signup.mode value=sometimes rule="expected lenient or strict" stays=strict`)
	f.RedisCommand(t, "SET", "signup.timeout", "5s||2")
	f.await(t, "strict 5s 7")
	f.RedisCommand(t, "SET", "signup.mode", "lenient||3")
	f.await(t, "lenient 5s 7")

	f.RedisCommand(t, "DEL", "signup.timeout", "limits.requestsPerUser")
	f.await(t, "lenient 10s 0.5")

	if err := f.Kill(follower + "/daprd"); err != nil {
		t.Fatal(err)
	}
	f.RedisCommand(t, "SET", "signup.mode", "strict||4") // Nobody is there to be told.
	f.await(t, "strict 10s 0.5")
	f.RedisCommand(t, "SET", "limits.requestsPerUser", "9")
	f.await(t, "strict 10s 9")
	if now := f.PID(follower); now != first {
		t.Errorf("the service has been restarted: process %d, was %d", now, first)
	}
	if body := f.get(t, f.AdminAddr(follower), "/metrics"); !strings.Contains(body, `moim_settings_changes_total{key="signup.mode",result="refused"} 1`) {
		t.Error("the metrics do not show that a value was refused")
	}
}

// TestStoreAway: a service starts and is ready without the store, and finds what it was not told of.
func TestStoreAway(t *testing.T) {
	f := follow(t, "1s")
	f.RedisCommand(t, "SET", "signup.mode", "strict||1")
	f.await(t, "strict 10s 0.5")

	f.StopProcess(t.Context(), "redis")
	f.awaitLog(t, "settings cannot be read")
	if got := f.get(t, f.Addr(follower), "/settings"); got != "strict 10s 0.5" {
		t.Errorf("without the store: %s, want what it was", got)
	}
	f.start(t, "redis")
	f.RedisCommand(t, "SET", "limits.requestsPerUser", "5")
	f.await(t, "strict 10s 5")

	f.StopProcess(t.Context(), "redis")
	f.StopProcess(t.Context(), follower)
	f.start(t, follower)
	if got := f.get(t, f.Addr(follower), "/settings"); got != "lenient 10s 0.5" {
		t.Errorf("started without the store: %s, want the service's own", got)
	}
	f.start(t, "redis")
	f.await(t, "strict 10s 5")
	if n := strings.Count(f.log(t), "settings can be read again"); n != 2 {
		t.Errorf("the log says %d times that settings can be read again, want 2", n)
	}
}

func (f follows) start(t *testing.T, name string) {
	t.Helper()
	f.StartProcess(name)
	if err := f.WaitReady(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

func (f follows) await(t *testing.T, want string) {
	t.Helper()
	var got string
	await(t, func() bool { got = f.get(t, f.Addr(follower), "/settings"); return got == want },
		func() string { return "the settings are " + got + ", want " + want })
}

func (f follows) awaitLog(t *testing.T, want string) {
	t.Helper()
	await(t, func() bool { return strings.Contains(f.log(t), want) }, func() string { return "the log has no " + want })
}

func (f follows) log(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(f.Log(follower))
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

func (f follows) get(t *testing.T, addr, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s (%v)", path, resp.Status, err)
	}
	return string(body)
}

func await(t *testing.T, condition func() bool, complaint func() string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint())
		}
	}
}
