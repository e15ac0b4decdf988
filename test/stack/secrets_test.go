package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsAreKeptFromStartToStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	first, err := loadSecrets(path, []string{"auth", "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	first.setDSNs("127.0.0.1:1")
	if err := first.save(path); err != nil {
		t.Fatal(err)
	}

	second, err := loadSecrets(path, []string{"auth", "chat"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first["auth"], second["auth"]); diff != "" {
		t.Errorf("auth (-first +second):\n%s", diff)
	}
	second.setDSNs("127.0.0.1:2")
	if got, want := second["chat"]["dsn"], "postgres://chat:"+second["chat"]["password"]+"@127.0.0.1:2/moim"; got != want {
		t.Errorf("DSN of chat: %s, want %s", got, want)
	}
	if _, ok := second["gateway"]; ok {
		t.Error("the gateway has a secret, and no database")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("secrets.json has mode %o, want 600", got)
	}
}
