package stack

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// replica is one running copy of a service and the sidecar beside it.
type replica struct {
	name                       string // <app>-<n>
	service                    Service
	addr, admin                string
	daprHTTP, daprGRPC, daprTo int    // the sidecar's ports; sidecars talk to each other at daprTo
	daprToken                  string // the service shows it to the sidecar
	appToken                   string // the sidecar shows it to the service
}

func newReplica(service Service, n int, ports *ports) (*replica, error) {
	r := &replica{name: service.App + "-" + strconv.Itoa(n), service: service, daprToken: rand.Text(), appToken: rand.Text()}
	var app, admin int
	for _, port := range []*int{&app, &admin, &r.daprHTTP, &r.daprGRPC, &r.daprTo} {
		taken, err := ports.take()
		if err != nil {
			return nil, err
		}
		*port = taken
	}
	r.addr, r.admin = address(app), address(admin)
	return r, nil
}

// app is the service's own process.
func (s *Stack) app(r *replica, binaries string) *process {
	environment := append(inherited(),
		"MOIM_ADDR="+r.addr,
		"MOIM_ADMIN_ADDR="+r.admin,
		"MOIM_LOG_FORMAT=text",
		"POD_NAME="+r.name,
		"DAPR_HTTP_PORT="+strconv.Itoa(r.daprHTTP),
		"DAPR_GRPC_PORT="+strconv.Itoa(r.daprGRPC),
		"DAPR_API_TOKEN="+r.daprToken,
		"APP_API_TOKEN="+r.appToken,
	)
	if r.service.App == "gateway" {
		environment = append(environment,
			"MOIM_REALTIME_ADDRS="+strings.Join(s.addrs("realtime"), ","),
			"MOIM_PUBLIC_URL="+s.URL(),
		)
		if s.options.Web {
			environment = append(environment, "MOIM_WEB_DIR="+filepath.Join(s.options.Root, "services", "web", "dist"))
		}
	}
	for name, value := range r.service.Env {
		environment = append(environment, name+"="+value)
	}
	binary := filepath.Join(binaries, filepath.Base(r.service.Package))
	return s.process(r.name, &process{
		stopWith: syscall.SIGTERM,
		dieWith:  syscall.SIGKILL,
		command: func() (*exec.Cmd, error) {
			cmd := exec.Command(binary)
			cmd.Dir, cmd.Env = s.options.Dir, environment
			return cmd, nil
		},
		ready: func(ctx context.Context) error { return getOK(ctx, "http://"+r.admin+"/readyz") },
	})
}

// sidecar is the daprd beside the service. It runs in the data directory, which relative paths in the Dapr resources count from.
func (s *Stack) sidecar(r *replica, daprd string) *process {
	host, port, _ := strings.Cut(r.addr, ":")
	args := []string{
		"--app-id", r.service.App, "--app-port", port, "--app-protocol", "http", "--app-channel-address", host,
		"--dapr-http-port", strconv.Itoa(r.daprHTTP), "--dapr-grpc-port", strconv.Itoa(r.daprGRPC), "--dapr-listen-addresses", host,
		"--dapr-internal-grpc-port", strconv.Itoa(r.daprTo), "--dapr-internal-grpc-listen-address", host,
		"--enable-app-health-check", "--app-health-check-path", "/healthz",
		"--app-health-probe-interval", "1", "--app-health-probe-timeout", "1000",
		"--resources-path", s.options.Components, "--config", filepath.Join(s.options.Components, "configuration.yaml"),
		"--read-buffer-size", "16Ki", // an access token and a browser's headers exceed the default of 4 KiB
		"--disable-init-endpoints", "config,subscribe", // the services have no actors, and stream their subscriptions
		"--dapr-graceful-shutdown-seconds", "5",
		"--enable-metrics=false", // the exporter would want one more port for each
		"--log-level", "warn",
	}
	environment := append(inherited(),
		"POD_NAME="+r.name,
		"DAPR_API_TOKEN="+r.daprToken,
		"APP_API_TOKEN="+r.appToken,
		"DAPR_HOST_IP="+host, // what other sidecars find it by
		"MOIM_APP_ID="+r.service.App,
		"MOIM_REDIS_ADDR="+s.redisAddr,
	)
	return s.process(sidecarName(r.name), &process{
		stopWith: syscall.SIGTERM,
		dieWith:  syscall.SIGKILL,
		command: func() (*exec.Cmd, error) {
			cmd := exec.Command(daprd, args...)
			cmd.Dir, cmd.Env = s.options.Dir, environment
			return cmd, nil
		},
		ready: func(ctx context.Context) error {
			return getOK(ctx, "http://"+address(r.daprHTTP)+"/v1.0/healthz")
		},
	})
}

func sidecarName(replica string) string { return replica + "/daprd" }

// inherited is our environment without what would tell a program that it is part of some other stack.
func inherited() []string {
	var kept []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "DAPR_") || strings.HasPrefix(name, "PG") || name == "APP_API_TOKEN" || name == "POD_NAME" || name == "NAMESPACE" {
			continue
		}
		kept = append(kept, variable)
	}
	return kept
}

// getOK returns nil when the answer to a GET is a success.
func getOK(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}
