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

// Run gets everything that running the platform needs, but what is built of the repository itself: the stack does that at its start.
func Run(ctx context.Context, root string, progress func(string)) error {
	if err := Packages(ctx, false, progress); err != nil {
		return err
	}
	_, err := Daprd(ctx, root, progress)
	return err
}

// Test gets everything that the tests need.
func Test(ctx context.Context, root string, progress func(string)) error {
	if err := Packages(ctx, true, progress); err != nil {
		return err
	}
	if _, err := Daprd(ctx, root, progress); err != nil {
		return err
	}
	if _, err := APIServer(ctx, root, progress); err != nil {
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
