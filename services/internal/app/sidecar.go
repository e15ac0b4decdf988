package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// sidecarWait is how long a service waits at start for its sidecar, which itself waits for brokers and stores.
const sidecarWait = 2 * time.Minute

// maxMessage is the largest gRPC message to or from the sidecar, in bytes; Dapr's own default is 4 MiB.
const maxMessage = 16 << 20

// dialSidecar does not wait for the sidecar, and goes on trying at least once a second when it is away.
func dialSidecar(c Config) (dapr.Client, error) {
	options := append(append(c.names().dialOptions(), newGate().dialOptions()...),
		grpc.WithTransportCredentials(insecure.NewCredentials()), // Loopback; the sidecar itself speaks mTLS.
		grpc.WithPerRPCCredentials(apiToken(c.SidecarToken)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: .2, MaxDelay: time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
	)
	conn, err := grpc.NewClient(c.sidecarGRPC(), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to sidecar: %w", err)
	}
	return dapr.NewClientWithConnection(conn), nil
}

// apiToken is what the sidecar asks of the app, as gRPC credentials.
type apiToken string

func (t apiToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if t == "" {
		return nil, nil
	}
	return map[string]string{"dapr-api-token": string(t)}, nil
}

func (apiToken) RequireTransportSecurity() bool { return false }

// sidecarHealthy asks whether the sidecar can be used: its components are loaded and it resolves names.
func (a *App) sidecarHealthy(ctx context.Context) error {
	url := "http://" + a.config.sidecarHTTP() + "/v1.0/healthz/outbound"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := sidecarClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask sidecar: %w", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("sidecar answered %s", resp.Status)
	}
	return nil
}

var sidecarClient = &http.Client{Timeout: 2 * time.Second}

func (a *App) awaitSidecar(ctx context.Context) error {
	a.Check("sidecar", a.sidecarHealthy)
	ctx, cancel := context.WithTimeoutCause(ctx, sidecarWait, errors.New("it did not become healthy in time"))
	defer cancel()
	for {
		err := a.sidecarHealthy(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for sidecar: %w (%w)", context.Cause(ctx), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
