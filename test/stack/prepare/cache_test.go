package prepare

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestBuildOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache", "program")
	interrupted := errors.New("interrupted")
	_, err := buildOnce(path, func(unfinished string) error {
		return errors.Join(os.WriteFile(unfinished, []byte("half"), 0o600), interrupted)
	})
	if !errors.Is(err, interrupted) {
		t.Fatalf("the build that failed gave %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half of it is kept: %v", err)
	}
	builds := 0
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			got, err := buildOnce(path, func(unfinished string) error {
				builds++ // Under the lock.
				return os.WriteFile(unfinished, []byte("whole"), 0o600)
			})
			if err != nil || got != path {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
	all.Wait()
	if content, err := os.ReadFile(path); builds != 1 || string(content) != "whole" {
		t.Errorf("%d builds, %q, %v", builds, content, err)
	}
}
