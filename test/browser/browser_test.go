// Package browser tests the platform as people use it: in a browser, with Playwright.
package browser

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/test/stack"
)

// TestBrowser starts the platform and runs the tests beside this file against it. MOIM_SCREENSHOTS names a folder for pictures.
func TestBrowser(t *testing.T) {
	s := stack.ForTest(t, stack.Options{Web: true, Services: []stack.Service{
		{App: "auth", Env: map[string]string{"MOIM_SIGNUPS_PER_ADDRESS": "0"}}, {App: "user"}, {App: "customer"}, {App: "chat"},
		{App: "message"}, {App: "realtime", Replicas: 2}, {App: "gateway"},
	}})
	t.Run("the client's types are the API's", func(t *testing.T) { typesAreCurrent(t, s) })
	control := httptest.NewServer(controls(s))
	defer control.Close()
	if _, err := os.Stat("node_modules"); err != nil {
		run(t, exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "test")
	cmd.Env = append(os.Environ(), "MOIM_URL="+s.URL(), "MOIM_CONTROL="+control.URL)
	run(t, cmd)
}

// typesAreCurrent checks that the client's types were generated from what the services describe now.
func typesAreCurrent(t *testing.T, s *stack.Stack) {
	web, fresh := "../../services/web", t.TempDir()
	run(t, exec.CommandContext(t.Context(), "node", web+"/scripts/api.mjs", s.URL(), fresh))
	for _, service := range []string{"auth", "user", "customer", "chat", "message"} {
		want, err := os.ReadFile(filepath.Join(fresh, service+".ts"))
		if err != nil {
			t.Fatal(err)
		}
		have, err := os.ReadFile(filepath.Join(web, "src", "api", "generated", service+".ts"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("the types of %s are not those of its OpenAPI description: run npm run api in services/web", service)
		}
	}
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	t.Logf("%s\n%s", cmd, out)
}

// controls lets the tests in the browser do things to the platform that no user can.
func controls(s *stack.Stack) http.Handler {
	mux := http.NewServeMux()
	answer := func(f func(ctx context.Context, name string) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := f(r.Context(), r.PathValue("name")); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}
	}
	mux.HandleFunc("POST /kill/{name}", answer(func(_ context.Context, name string) error { return s.Kill(name) }))
	mux.HandleFunc("POST /await/{name}", answer(func(ctx context.Context, name string) error { return s.WaitReady(ctx, name) }))
	mux.HandleFunc("POST /duplicate/{name}", answer(func(ctx context.Context, name string) error { return addCustomer(ctx, s, name) }))
	return mux
}

// addCustomer gives customer a record of a user whom nobody else knows.
func addCustomer(ctx context.Context, s *stack.Stack, userID string) error {
	db, err := pgx.Connect(ctx, s.DSN("customer"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer db.Close(ctx)
	_, err = db.Exec(ctx, `INSERT INTO customers (user_id, user_name, saga_id) VALUES ($1, $1, '00000000-0000-4000-8000-000000000000')`, userID)
	return err
}
