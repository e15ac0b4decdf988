package prepare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// oldestNode is the oldest major version of Node.js that builds the web client: Debian 12's.
const oldestNode = 18

func hasNode(ctx context.Context) bool {
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil || !onPath("npm")(ctx) {
		return false
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(string(out), "v"), ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= oldestNode
}

// Web builds the web client into services/web/dist. Dependencies are fetched only when the lock file changed, and nothing is built when
// no source changed.
func Web(ctx context.Context, root string, progress func(string)) error {
	dir := filepath.Join(root, "services", "web")
	unlock, err := lockState(root, "web")
	if err != nil {
		return err
	}
	defer unlock()

	if err := webDependencies(ctx, root, dir, progress); err != nil {
		return err
	}
	sources, err := hashTree(dir, "node_modules", "dist", "test-results", "playwright-report")
	if err != nil {
		return err
	}
	return once(filepath.Join(root, ".moim", "web-build"), sources, filepath.Join(dir, "dist", "index.html"), func() error {
		return run(npm(ctx, dir, "run", "build"), "building the web client", progress)
	})
}

func webDependencies(ctx context.Context, root, dir string, progress func(string)) error {
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return fmt.Errorf("read the web client's dependencies: %w", err)
	}
	sum := sha256.Sum256(lock)
	return once(filepath.Join(root, ".moim", "web-dependencies"), hex.EncodeToString(sum[:]), filepath.Join(dir, "node_modules"), func() error {
		return run(npm(ctx, dir, "ci", "--no-audit", "--no-fund"), "fetching the web client's dependencies", progress)
	})
}

func npm(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "npm", args...)
	cmd.Dir = dir
	return cmd
}

// once calls f unless the stamp says that it was done for the same state, and its result is still there.
func once(stamp, state, result string, f func() error) error {
	done, err := os.ReadFile(stamp)
	if err == nil && string(done) == state {
		if _, err := os.Stat(result); err == nil {
			return nil
		}
	}
	if err := f(); err != nil {
		return err
	}
	if err := os.WriteFile(stamp, []byte(state), 0o644); err != nil {
		return fmt.Errorf("note what was built: %w", err)
	}
	return nil
}

// lockState makes the folder for what is built, and keeps other processes from building the same at the same time.
func lockState(root, name string) (unlock func(), err error) {
	dir := filepath.Join(root, ".moim")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for what is built: %w", err)
	}
	return lockFile(filepath.Join(dir, name+".lock"))
}

// hashTree returns a hash of the names and contents of all files below dir, but those in folders of the names to skip.
func hashTree(dir string, skip ...string) (string, error) {
	hash := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, name := range skip {
			if entry.IsDir() && entry.Name() == name {
				return filepath.SkipDir
			}
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n", path, len(content))
		hash.Write(content)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the web client's sources: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
