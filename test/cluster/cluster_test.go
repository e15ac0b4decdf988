//go:build cluster

// Package cluster_test installs the operator on a real cluster and uses a platform there as its users and the people on call do.
//
// It needs a cluster that has Dapr, an ingress controller, a default storage class and nothing of Moim, and these variables:
//
//	KUBECONFIG                administers the cluster
//	MOIM_TEST_REGISTRY        where the images are, with the tags test and test-next
//	MOIM_TEST_INGRESS         host and port at which the ingress controller is reached from here; 127.0.0.1:80 when empty
//	MOIM_TEST_REDIS_IMAGE     redis:7 when empty
//	MOIM_TEST_POSTGRES_IMAGE  postgres:15 when empty
//	MOIM_TEST_PULL_POLICY     Always when empty, as the tags move; IfNotPresent where images were loaded into the nodes
package cluster_test

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	kubernetesscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
	users "moim.dev/moim/test/client"
)

const (
	namespace = "moim-test"
	platform  = "chat"
	host      = "chat.test"

	version     = "test"
	nextVersion = "test-next"
)

// suite is the cluster, and what the tests before have left there.
type suite struct {
	client.Client
	pods kubernetes.Interface // for what client.Client can't: logs.

	registry, redis, postgres string
	pull                      corev1.PullPolicy

	// people are members of room, who have said something.
	people []*users.Session
	room   users.Room
}

func TestPlatform(t *testing.T) {
	s := connect(t)
	for _, step := range []struct {
		name string
		run  func(*suite, *testing.T)
	}{
		{"the chart installs the operator", (*suite).install},
		{"a minimal resource becomes a platform within a minute", (*suite).minimal},
		{"people sign up and chat through the ingress", (*suite).chat},
		{"realtime scales to three and back while people talk", (*suite).scale},
		{"the broker is swapped and swapped back", (*suite).swapBroker},
		{"an image that isn't there is named, and harms nobody", (*suite).missingImage},
		{"an upgrade fails no request and loses no message", (*suite).upgrade},
		{"settings change while everything runs", (*suite).settings},
		{"another platform in the namespace is another world", (*suite).neighbour},
		{"deletion leaves the data, and a new platform finds it", (*suite).deletion},
		{"platforms live on when the operator is uninstalled", (*suite).uninstall},
	} {
		began := time.Now()
		if !t.Run(step.name, func(t *testing.T) { step.run(s, t) }) {
			s.tell(t)
			t.FailNow()
		}
		t.Logf("%s: %s", step.name, time.Since(began).Round(100*time.Millisecond))
	}
}

// connect finds the cluster and has clients of the platform connect to its ingress controller.
func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{
		registry: os.Getenv("MOIM_TEST_REGISTRY"),
		redis:    cmp.Or(os.Getenv("MOIM_TEST_REDIS_IMAGE"), "redis:7"),
		postgres: cmp.Or(os.Getenv("MOIM_TEST_POSTGRES_IMAGE"), "postgres:15"),
		pull:     corev1.PullPolicy(cmp.Or(os.Getenv("MOIM_TEST_PULL_POLICY"), "Always")),
	}
	if os.Getenv("KUBECONFIG") == "" || s.registry == "" {
		t.Fatal("set KUBECONFIG to the cluster's and MOIM_TEST_REGISTRY to where the images are")
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(kubernetesscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1 // The server's own limits do.
	if s.Client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	if s.pods, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	ingress := cmp.Or(os.Getenv("MOIM_TEST_INGRESS"), "127.0.0.1:80")
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, ingress)
	}
	http.DefaultTransport.(*http.Transport).DialContext = dial
	websocket.DefaultDialer.NetDialContext = dial
	return s
}

// visitor is somebody without an account, outside of the cluster.
func visitor() users.Client { return users.Client{Base: "http://" + host} }
