package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// checkTimeout bounds one readiness check.
const checkTimeout = 3 * time.Second

type check struct {
	name string
	f    func(ctx context.Context) error
}

type checks struct {
	mu  sync.Mutex
	all []check
}

func (c *checks) add(name string, f func(ctx context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, check{name, f})
}

// run runs all checks and returns what is wrong.
func (c *checks) run(ctx context.Context) error {
	c.mu.Lock()
	all := c.all
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, check := range all {
		wg.Go(func() {
			if err := check.f(ctx); err != nil {
				errs[i] = fmt.Errorf("%s: %w", check.name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// listenAndServe serves until the context ends, and then drains.
func (a *App) listenAndServe(ctx context.Context) error {
	admin, err := listen(a.config.AdminAddr)
	if err != nil {
		return err
	}
	public, err := listen(a.config.Addr)
	if err != nil {
		return errors.Join(err, admin.Close())
	}
	a.Log.Info("serving", "addr", public.Addr().String(), "admin", admin.Addr().String())
	return a.serve(ctx, public, admin)
}

// serve serves until the context ends, and then drains: not ready any more; what the service registered; the requests under way.
func (a *App) serve(ctx context.Context, public, admin net.Listener) (err error) {
	adminServer := &http.Server{Handler: a.adminHandler(), ReadHeaderTimeout: 5 * time.Second}
	server := &http.Server{
		Handler:           traced(a.Name, a.Router),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	failed := make(chan error, 2)
	go func() { failed <- adminServer.Serve(admin) }()
	go func() { failed <- server.Serve(public) }()

	select {
	case err = <-failed:
	case <-a.workCtx.Done():
		err = context.Cause(a.workCtx)
	case <-ctx.Done():
	}
	a.Log.Info("draining")
	close(a.leaving)
	if err == nil {
		time.Sleep(a.config.DrainDelay) // So that everybody who calls this replica finds another before it stops accepting.
	}
	close(a.draining)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.DrainTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, f := range a.drains {
		wg.Go(func() { f(drain) })
	}
	wg.Wait()
	if shutdownErr := server.Shutdown(drain); shutdownErr != nil {
		a.Log.Warn("requests were cut off", "err", shutdownErr)
		_ = server.Close()
	}
	_ = adminServer.Close()
	a.Log.Info("drained")
	return err
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// adminHandler serves what is for the platform's operators: liveness, readiness, metrics, profiles.
func (a *App) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		err := a.checks.run(r.Context())
		select {
		case <-a.leaving:
			err = errors.Join(err, errors.New("draining"))
		default:
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.Handler())
	mux.HandleFunc("GET /debug/pprof/", local(pprof.Index))
	mux.HandleFunc("GET /debug/pprof/profile", local(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/trace", local(pprof.Trace))
	return mux
}

// local refuses what does not come from this machine, or through kubectl port-forward: profiles tell much and cost much.
func local(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !from.Addr().Unmap().IsLoopback() {
			http.Error(w, "profiles are given on the loopback address only", http.StatusForbidden)
			return
		}
		f(w, r)
	}
}
