// Package prepare gets a machine ready to run and test the platform: packages of the system, the sidecar, the services, the web client.
package prepare

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

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
