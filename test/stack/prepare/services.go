package prepare

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Services builds the programs of those packages (paths such as ./services/auth) and returns the folder they are in, each named like
// the last element of its path. What hasn't changed isn't built again. With race they are built with Go's race detector.
func Services(ctx context.Context, root string, packages []string, race bool, progress func(string)) (string, error) {
	dir, what := filepath.Join(root, ".moim", "bin"), "building the services"
	args := []string{"build", "-C", root}
	if race {
		dir, what = filepath.Join(root, ".moim", "bin-race"), "building the services with the race detector"
		args = append(args, "-race")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for programs: %w", err)
	}
	unlock, err := lockFile(filepath.Join(dir, ".lock")) // several test packages build at the same time
	if err != nil {
		return "", err
	}
	defer unlock()

	args = append(args, "-o", dir+string(filepath.Separator))
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...)
	return dir, run(cmd, what, progress)
}
