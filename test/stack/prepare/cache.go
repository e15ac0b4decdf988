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
