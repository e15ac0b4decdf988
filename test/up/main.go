// Up runs the platform on this machine until it is interrupted. It installs and builds what is missing first.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"moim.dev/moim/test/stack"
	"moim.dev/moim/test/stack/prepare"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends this at once, and with it everything it started
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "moim:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("up", flag.ExitOnError)
	port := flags.Int("port", 8080, "where the platform is served")
	dir := flags.String("dir", "", "the folder for data and logs (default .moim in the repository)")
	only := flags.Bool("prepare", false, "install and build what running and testing need, and start nothing")
	_ = flags.Parse(args) // ends the program on an error

	root, err := prepare.Root()
	if err != nil {
		return err
	}
	began := time.Now()
	progress := func(line string) { fmt.Printf("%6s  %s\n", time.Since(began).Round(time.Second), line) }
	if *only {
		return prepare.Test(ctx, root, progress)
	}
	if err := prepare.Run(ctx, root, progress); err != nil {
		return interrupted(ctx, err)
	}
	services, err := platform(root)
	if err != nil {
		return err
	}
	options := stack.Options{
		Root:        root,
		Dir:         *dir,
		Services:    services,
		Web:         true,
		GatewayAddr: "127.0.0.1:" + strconv.Itoa(*port),
		Progress:    progress,
	}
	s, err := stack.Start(ctx, options)
	if err != nil {
		return interrupted(ctx, err)
	}
	fmt.Printf(`
Moim is running at %s

  administrator   admin, with the adminPassword of auth in %s
  logs            %s
  stop            Ctrl-C; the data is kept

`, s.URL(), filepath.Join(s.Dir(), "secrets.json"), filepath.Join(s.Dir(), "logs"))
	<-ctx.Done()
	progress("stopping")
	s.Stop(context.WithoutCancel(ctx))
	return nil
}

// platform returns every service that the repository has: one folder of services each, with a program in it.
func platform(root string) ([]stack.Service, error) {
	programs, err := filepath.Glob(filepath.Join(root, "services", "*", "main.go"))
	if err != nil {
		return nil, fmt.Errorf("find the services: %w", err)
	}
	services := make([]stack.Service, 0, len(programs))
	for _, program := range programs {
		services = append(services, stack.Service{App: filepath.Base(filepath.Dir(program))})
	}
	return services, nil
}

// interrupted hides the errors that an interrupt causes in what was going on.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
