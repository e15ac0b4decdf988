package prepare

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOnceIsDoneAgainWhen(t *testing.T) {
	for name, test := range map[string]struct {
		before func(t *testing.T, result string) // what happens between the two times
		state  string
		again  bool
	}{
		"nothing changed":    {func(*testing.T, string) {}, "a", false},
		"the state changed":  {func(*testing.T, string) {}, "b", true},
		"the result is gone": {remove, "a", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stamp, result := filepath.Join(dir, "stamp"), filepath.Join(dir, "result")
			times := 0
			do := func() error {
				times++
				return os.WriteFile(result, nil, 0o644)
			}
			if err := once(stamp, "a", result, do); err != nil {
				t.Fatal(err)
			}
			test.before(t, result)
			if err := once(stamp, test.state, result, do); err != nil {
				t.Fatal(err)
			}
			if got := times == 2; got != test.again {
				t.Errorf("done again: %v, want %v", got, test.again)
			}
		})
	}
}

func TestHashTreeChangesWithSourcesOnly(t *testing.T) {
	dir := t.TempDir()
	hash := func() string {
		t.Helper()
		sum, err := hashTree(dir, "dist")
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	write("src/main.ts", "one")
	first := hash()
	write("dist/main.js", "built")
	if hash() != first {
		t.Error("what is built changed the hash")
	}
	write("src/main.ts", "two")
	if hash() == first {
		t.Error("a changed source didn't change the hash")
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
