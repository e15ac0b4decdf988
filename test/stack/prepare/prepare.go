// Package prepare gets a machine ready to run and test the platform: packages of the system, the sidecar, the services, the web client.
package prepare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Run gets everything that running the platform needs, but the services themselves: those are built when they are started.
func Run(ctx context.Context, root string, progress func(string)) error {
	return all(ctx, root, false, progress)
}

// Test gets everything that the tests need.
func Test(ctx context.Context, root string, progress func(string)) error {
	return all(ctx, root, true, progress)
}

func all(ctx context.Context, root string, tests bool, progress func(string)) error {
	if err := Packages(ctx, tests, progress); err != nil {
		return err
	}
	if _, err := Daprd(ctx, root, progress); err != nil {
		return err
	}
	return Web(ctx, root, progress)
}

// Root returns the repository that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(module), "module moim.dev/moim\n") {
			return dir, nil
		}
	}
	return "", errors.New("the working directory is not in a clone of Moim")
}
