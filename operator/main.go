// The operator makes a chat platform of every ChatPlatform.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"moim.dev/moim/operator/api/v1alpha1"
	"moim.dev/moim/operator/internal/controller"
)

// options are the operator's flags.
type options struct {
	namespaces, metrics, probes string
	level                       slog.Level
	leaderElection              bool
	lease                       string
	platforms                   controller.Options
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("operator", flag.ContinueOnError)
	f.StringVar(&o.namespaces, "namespaces", "", "the namespaces whose ChatPlatforms are looked after, separated by commas; empty for all")
	f.StringVar(&o.platforms.Version, "default-version", "", "the version of the services for platforms that name none (required)")
	f.StringVar(&o.platforms.Registry, "image-registry", "moim", "images are <image-registry>/<service>:<version>, unless a platform says otherwise")
	f.StringVar(&o.platforms.RedisImage, "redis-image", "redis:7", "the image of the Redis for trial")
	f.StringVar(&o.platforms.PostgresImage, "postgres-image", "postgres:15", "the image of the Postgres for trial")
	f.BoolVar(&o.leaderElection, "leader-elect", false, "let one of several operators work while the others wait")
	f.StringVar(&o.lease, "leader-election-id", "moim-operator", "the Lease, in the operator's namespace, by which those find each other that look after the same platforms")
	f.StringVar(&o.metrics, "metrics-address", ":8080", "where /metrics is; 0 for nowhere")
	f.StringVar(&o.probes, "probe-address", ":8081", "where /healthz and /readyz are")
	f.TextVar(&o.level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	if err := f.Parse(args); err != nil {
		return o, err //nolint:wrapcheck // It says which flag and why.
	}
	if o.platforms.Version == "" {
		return o, fmt.Errorf("-default-version must be given")
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, nil
}

// watched are the namespaces that are looked after; none means all.
func (o options) watched() []string {
	return strings.FieldsFunc(o.namespaces, func(r rune) bool { return r == ',' || r == ' ' })
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(2)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.level}))
	slog.SetDefault(log)
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
	if err := run(o); err != nil {
		slog.Error("stopped", "err", err)
		os.Exit(1)
	}
}

func run(o options) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("register types: %w", err)
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	namespaces := o.watched()
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Cache: controller.CacheOptions(namespaces), Client: controller.ClientOptions(),
		Metrics: server.Options{BindAddress: o.metrics}, HealthProbeBindAddress: o.probes,
		LeaderElection: o.leaderElection, LeaderElectionID: o.lease,
		// Nothing runs after the manager has stopped, so the next one may begin at once.
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	if err := (&controller.Reconciler{Options: o.platforms}).SetUp(mgr); err != nil {
		return err //nolint:wrapcheck // It says what failed.
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add readiness check: %w", err)
	}
	slog.Info("starting", "namespaces", namespaces, "version", o.platforms.Version, "registry", o.platforms.Registry)
	if err := mgr.Start(ctrl.SetupSignalHandler()); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	slog.Info("stopped")
	return nil
}
