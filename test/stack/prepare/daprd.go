package prepare

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// daprVersion is the release that a daprd must be; tools/go.mod pins the same.
const daprVersion = "1.18.2"

// ErrNoDaprd says that no daprd of the right version is on this machine.
var ErrNoDaprd = errors.New("there is no daprd " + daprVersion + " on this machine; `make prepare` builds one")

// FindDaprd returns the path of a daprd of the right version: the one built by [Daprd], else a release of Dapr's on PATH or where
// `dapr init` puts it. It returns ErrNoDaprd when there is none.
func FindDaprd(ctx context.Context, root string) (string, error) {
	built, err := daprdCache(root)
	if err != nil {
		return "", err
	}
	home, _ := os.UserHomeDir()
	onPath, _ := exec.LookPath("daprd")
	for _, path := range []string{built, onPath, filepath.Join(home, ".dapr", "bin", "daprd")} {
		if path == "" {
			continue
		}
		out, err := exec.CommandContext(ctx, path, "--version").Output()
		if err == nil && strings.TrimSpace(string(out)) == daprVersion {
			return path, nil
		}
	}
	return "", ErrNoDaprd
}

// Daprd builds the sidecar unless [FindDaprd] finds one, and returns its path. A first build takes about 14 minutes of one core.
func Daprd(ctx context.Context, root string, progress func(string)) (string, error) {
	path, err := FindDaprd(ctx, root)
	if !errors.Is(err, ErrNoDaprd) {
		return path, err
	}
	if path, err = daprdCache(root); err != nil {
		return "", err
	}
	return buildOnce(path, func(unfinished string) error {
		version := "-X github.com/dapr/dapr/pkg/buildinfo.version=" + daprVersion + " -X github.com/dapr/kit/logger.DaprVersion=" + daprVersion
		cmd := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join(root, "tools"), "-trimpath", "-tags", "stablecomponents",
			"-ldflags", "-s -w "+version, "-o", unfinished, "./daprd")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		return run(cmd, "building daprd "+daprVersion+" (once; about 14 minutes of one core)", progress)
	})
}

func daprdCache(root string) (string, error) {
	return cached(root, "daprd-"+daprVersion, "go.mod", "go.sum", "daprd/main.go")
}
