// Package kube runs a real Kubernetes API server, with the etcd it stores in, for tests: it knows the resources of Moim and of Dapr, and
// nothing acts on them but the test.
package kube

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"moim.dev/moim/test/stack/prepare"
)

// ForTest starts an API server of the test's own and stops it when the test ends. It returns how to be its administrator. Starting takes
// about ten seconds: tests of one package share a server by being subtests, or by [Start] in TestMain.
func ForTest(t testing.TB) *rest.Config {
	t.Helper()
	config, stop, err := Start()
	if err != nil {
		t.Fatalf("start an API server: %v", err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	return config
}

// Start starts an API server with the definitions of Moim's and Dapr's resources. The caller stops it; if the process ends without, the
// system stops it.
func Start() (config *rest.Config, stop func() error, err error) {
	root, err := prepare.Root()
	if err != nil {
		return nil, nil, err
	}
	programs, err := prepare.FindAPIServer(root)
	if err != nil {
		return nil, nil, err
	}
	dapr, err := daprResources(root)
	if err != nil {
		return nil, nil, err
	}
	wrapped, err := mortal(programs, "etcd", "kube-apiserver")
	if err != nil {
		return nil, nil, err
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join(root, "charts", "moim-operator", "crd"), dapr},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: time.Minute, // the machine may be busy
		ControlPlaneStopTimeout:  time.Minute,
		CRDInstallOptions:        envtest.CRDInstallOptions{MaxTime: time.Minute},
	}
	env.ControlPlane.GetAPIServer().Path = filepath.Join(wrapped, "kube-apiserver")
	env.ControlPlane.Etcd = &envtest.Etcd{Path: filepath.Join(wrapped, "etcd")}

	started, stopping, stopped := make(chan error), make(chan struct{}), make(chan error)
	go func() {
		// Linux takes the thread that starts a program for its parent, so the thread must live as long as the programs.
		runtime.LockOSThread()
		var err error
		if config, err = env.Start(); err != nil {
			started <- errors.Join(err, env.Stop(), os.RemoveAll(wrapped))
			return
		}
		started <- nil
		<-stopping
		stopped <- errors.Join(env.Stop(), os.RemoveAll(wrapped))
	}()
	if err := <-started; err != nil {
		return nil, nil, err
	}
	return config, func() error { close(stopping); return <-stopped }, nil
}

// daprResources returns the folder with the definitions of Dapr's resources, of the version that the platform is built for.
func daprResources(root string) (string, error) {
	cmd := exec.Command("go", "list", "-C", root, "-m", "-f", "{{.Dir}}", "github.com/dapr/dapr")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find Dapr's module: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "charts", "dapr", "crds"), nil
}

// mortal returns a folder with scripts that run programs which the system kills when the thread that started them ends: envtest itself
// leaves them behind when a test is interrupted or runs out of time. The folder is the caller's to remove.
func mortal(programs string, names ...string) (string, error) {
	prefix := ""
	if setpriv, err := exec.LookPath("setpriv"); err == nil {
		prefix = setpriv + " --pdeathsig KILL "
	}
	dir, err := os.MkdirTemp("", "moim-kube-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the API server: %w", err)
	}
	for _, name := range names {
		script := fmt.Sprintf("#!/bin/sh\nexec %s'%s' \"$@\"\n", prefix, filepath.Join(programs, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			return "", fmt.Errorf("write the script of %s: %w", name, err)
		}
	}
	return dir, nil
}
