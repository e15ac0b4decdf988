package prepare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// cached is where something built from files below tools is kept: outside the clone, so that every clone of a user shares it, under a
// name that changes with what it is made of.
func cached(root, name string, madeOf ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache: %w", err)
	}
	hash := sha256.New()
	for _, file := range madeOf {
		content, err := os.ReadFile(filepath.Join(root, "tools", file))
		if err != nil {
			return "", fmt.Errorf("read what %s is made of: %w", name, err)
		}
		hash.Write(content)
	}
	return filepath.Join(cache, "moim", name+"-"+hex.EncodeToString(hash.Sum(nil))[:12]), nil
}

// buildOnce makes what is kept at path, unless it is there, also by another process that is at it now. build gets another name to build it under,
// so that what was interrupted is never taken for complete.
func buildOnce(path string, build func(unfinished string) error) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	unfinished := path + ".unfinished"
	if err := build(unfinished); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return "", fmt.Errorf("keep %s: %w", filepath.Base(path), err)
	}
	return path, nil
}
