package prepare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// kubernetesVersion is what tools/kubernetes/go.mod pins.
const kubernetesVersion = "1.36.3"

// ErrNoAPIServer says that there is no Kubernetes API server to test with.
var ErrNoAPIServer = errors.New("there is no Kubernetes API server on this machine; `make prepare` builds one")

// FindAPIServer returns the folder with the programs etcd and kube-apiserver: $KUBEBUILDER_ASSETS if it is set, else the one that
// [APIServer] built. It returns ErrNoAPIServer when there is none.
func FindAPIServer(root string) (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir, nil
	}
	dir, err := apiServerCache(root)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err != nil {
		return "", ErrNoAPIServer
	}
	return dir, nil
}

// APIServer builds a Kubernetes API server and the etcd that it stores in, unless [FindAPIServer] finds them, and returns their folder.
// A first build takes about 15 minutes of one core.
func APIServer(ctx context.Context, root string, progress func(string)) (string, error) {
	dir, err := FindAPIServer(root)
	if !errors.Is(err, ErrNoAPIServer) {
		return dir, err
	}
	if dir, err = apiServerCache(root); err != nil {
		return "", err
	}
	return buildOnce(dir, func(unfinished string) error {
		flags := "-s -w -X k8s.io/component-base/version.gitVersion=v" + kubernetesVersion
		for _, program := range []struct{ name, of string }{
			{"etcd", "go.etcd.io/etcd/server/v3"},
			{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
		} {
			cmd := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join(root, "tools", "kubernetes"), "-trimpath", "-ldflags", flags,
				"-o", filepath.Join(unfinished, program.name), program.of)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			what := fmt.Sprintf("building %s of Kubernetes %s (once; both parts about 15 minutes of one core)", program.name, kubernetesVersion)
			if err := run(cmd, what, progress); err != nil {
				return err
			}
		}
		return nil
	})
}

func apiServerCache(root string) (string, error) {
	return cached(root, "kubernetes-"+kubernetesVersion, "kubernetes/go.mod", "kubernetes/go.sum")
}
