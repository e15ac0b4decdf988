// Package app is what every service is made of: typed configuration, a sidecar, tokens, an API described by OpenAPI, health,
// metrics, traces, background work, and a drain that loses nothing. A service's main.go says only what is its own.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/danielgtaylor/huma/v2"
	dapr "github.com/dapr/go-sdk/client"
	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/invoke"
	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/postgres"
	"moim.dev/moim/services/internal/settings"
	"moim.dev/moim/services/internal/token"
)

// Names of the Dapr components that the platform uses.
const (
	PubSubEvents = "events"
	PubSubFanout = "fanout"
	StateStore   = "state"
	LockStore    = "lock"
	ConfigStore  = "config"
	SecretStore  = "secrets"
)

// App is one running replica of a service.
type App struct {
	// Name is the app id, Replica the name of this replica.
	Name, Replica string
	Log           *slog.Logger
	// Dapr is the sidecar: state, lock, configuration.
	Dapr dapr.Client
	// Call calls other services: http://<app-id>/<path>.
	Call *http.Client
	// API takes operations; Router takes what is no JSON API.
	API    huma.API
	Router *gin.Engine
	Tokens *token.Verifier
	// Settings follow the configuration store; run adds to them.
	Settings *settings.Set

	config   Config
	names    names
	public   bool
	checks   checks
	drains   []func(context.Context)
	closers  []func()
	leaving  chan struct{} // closed when the replica is to stop
	draining chan struct{} // closed when the drain begins, MOIM_DRAIN_DELAY later
	work     *errgroup.Group
	workCtx  context.Context
}

// Main runs a service until SIGTERM or SIGINT and exits the process: with 0 after a clean drain, else with 1. The service's own
// configuration C is a struct with env tags; run registers what it serves and starts what works in the background, and returns.
func Main[C any](name string, run func(ctx context.Context, a *App, cfg *C) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := start(ctx, name, run); err != nil {
		slog.Error("stopped", "service", name, "err", err)
		os.Exit(1)
	}
}

func start[C any](ctx context.Context, name string, run func(ctx context.Context, a *App, cfg *C) error) (err error) {
	var config Config
	var own C
	if err := load(&config, &own); err != nil {
		return err
	}
	if config.Replica == "" {
		config.Replica = name + "-0"
	}
	log := newLogger(config, name)
	slog.SetDefault(log)
	log.Info("starting", "config", dump(&config, &own))

	stopTracing, err := startTracing(ctx, name, config.Replica)
	if err != nil {
		return err
	}
	defer stopTracing()
	a := &App{
		Name: name, Replica: config.Replica, Log: log, config: config, names: *config.names(),
		Call:    invoke.NewClient(config.sidecarHTTP(), config.SidecarToken, config.Prefix),
		leaving: make(chan struct{}), draining: make(chan struct{}),
	}
	defer a.close()
	if a.Dapr, err = dialSidecar(config); err != nil {
		return err
	}
	a.closers = append(a.closers, a.Dapr.Close)
	a.Settings = settings.New(a.Dapr, ConfigStore, config.SettingsReread)
	a.Tokens = token.NewVerifier(a.Call, a.sessionRevoked)
	a.Router, a.API = newRouter(a)

	// Background work outlives the signal: it ends when the requests that need it have ended.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	a.work, a.workCtx = errgroup.WithContext(background)

	if err := a.awaitSidecar(ctx); err != nil {
		return err
	}
	if err := run(ctx, a, &own); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	a.followSettings(ctx)
	err = a.listenAndServe(ctx)
	cancel()
	return errors.Join(err, a.work.Wait())
}

// followSettings has the service begin with what the configuration store says. It begins without, where the store does not answer, and
// is ready: settings are no reason to serve nobody.
func (a *App) followSettings(ctx context.Context) {
	if a.Settings.Empty() {
		return
	}
	_, _ = a.Settings.Read(ctx) // It has said so itself when it failed, and goes on trying.
	a.Go("settings", a.Settings.Run)
}

func (a *App) close() {
	for i := len(a.closers) - 1; i >= 0; i-- {
		a.closers[i]()
	}
}

// ServePublic says that requests may come from anywhere, not only through the sidecar: the service is an edge.
func (a *App) ServePublic() { a.public = true }

// Secret returns the service's own secret, by key.
func (a *App) Secret(ctx context.Context) (map[string]string, error) {
	secret, err := a.Dapr.GetSecret(ctx, SecretStore, a.Name, nil)
	if err != nil {
		return nil, fmt.Errorf("get secret %s: %w", a.Name, err)
	}
	return secret, nil
}

// Database opens the service's schema, applies the migrations, and makes readiness depend on it.
func (a *App) Database(ctx context.Context, migrations fs.FS) (*pgxpool.Pool, error) {
	secret, err := a.Secret(ctx)
	if err != nil {
		return nil, err
	}
	if secret["dsn"] == "" {
		return nil, fmt.Errorf("secret %s has no key dsn", a.Name)
	}
	db, err := postgres.Open(ctx, secret["dsn"], a.Name, a.config.DatabaseConns)
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, db.Close)
	for _, set := range []struct {
		name  string
		files fs.FS
	}{{"outbox", outbox.Migrations}, {"inbox", events.Migrations}, {a.Name, migrations}} {
		if err := postgres.Migrate(ctx, db, set.name, set.files); err != nil {
			return nil, err
		}
	}
	a.Check("database", db.Ping)
	a.Go("forget old events", func(ctx context.Context) error { return events.Forget(ctx, db) })
	return db, nil
}

// Outbox returns the outbox of the service's schema, whose relay runs until the drain has ended.
func (a *App) Outbox(db *pgxpool.Pool) *outbox.Outbox {
	o := outbox.New(db, a.Dapr, PubSubEvents, PubSubFanout)
	a.Go("outbox", o.Run)
	return o
}

// Subscribe receives events until the replica is to stop. The service is ready when it has been subscribed once.
func (a *App) Subscribe(s events.Subscription) {
	once, connected := sync.Once{}, make(chan struct{})
	then := s.Connected
	s.Connected = func(ctx context.Context) {
		once.Do(func() { close(connected) })
		if then != nil {
			then(ctx)
		}
	}
	a.Check("subscription "+s.Topic, func(context.Context) error {
		select {
		case <-connected:
			return nil
		default:
			return errors.New("not subscribed yet")
		}
	})
	a.Go("subscription "+s.Topic, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-a.leaving:
				cancel()
			case <-ctx.Done():
			}
		}()
		return s.Run(ctx, a.Dapr)
	})
}

// Go runs f in the background until its context ends, which is after the last request of the drain. An error ends the process.
func (a *App) Go(name string, f func(ctx context.Context) error) {
	a.work.Go(func() error {
		if err := f(a.workCtx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

// OnDrain has f called when the drain begins: the replica is no longer ready, and still serves. The context ends with the time there is.
func (a *App) OnDrain(f func(ctx context.Context)) { a.drains = append(a.drains, f) }

// Draining is closed when the drain begins. Streams end then, so that their clients go on elsewhere.
func (a *App) Draining() <-chan struct{} { return a.draining }

// Check makes readiness depend on f.
func (a *App) Check(name string, f func(ctx context.Context) error) { a.checks.add(name, f) }

func (a *App) sessionRevoked(ctx context.Context, session string) (bool, error) {
	item, err := a.Dapr.GetState(ctx, StateStore, token.RevokedKey(session), nil)
	if err != nil {
		return false, fmt.Errorf("look up session: %w", err)
	}
	return len(item.Value) > 0, nil
}
