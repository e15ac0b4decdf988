// Package stack runs the platform on this machine: a Postgres, a Redis, and the replicas of any choice of services, each with a Dapr
// sidecar of its own. It keeps them running, and everything it starts ends with it. `make up` and the tests both use it.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"moim.dev/moim/test/stack/prepare"
)

// minFree is what the disk must have: less, and Postgres would fail in the middle of something.
const minFree = 512 << 20

// Stack is a running platform. Stop it, or everything in it runs until this process ends.
type Stack struct {
	options    Options
	throwaway  bool // the data need not survive a crash of the machine
	ports      *ports
	spawn      spawner
	dirLock    *os.File
	secrets    secrets
	replicas   []*replica
	processes  map[string]*process
	publicHost string

	postgresAddr, redisAddr string
	outside                 []string // folders of ours that are not below Dir

	progressMu sync.Mutex
	supervised context.CancelFunc
	life       context.Context
}

// Start starts everything and returns when all of it is ready. An error names what failed and where its log is; nothing is left
// running then.
func Start(ctx context.Context, options Options) (*Stack, error) { return start(ctx, options, false) }

func start(ctx context.Context, options Options, throwaway bool) (*Stack, error) {
	if err := options.setDefaults(); err != nil {
		return nil, err
	}
	s := &Stack{options: options, throwaway: throwaway, processes: map[string]*process{}, spawn: newSpawner()}
	s.life, s.supervised = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.start(ctx); err != nil {
		s.Stop(ctx)
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	if err := s.openDir(); err != nil {
		return err
	}
	daprd, err := prepare.FindDaprd(ctx, s.options.Root)
	if err != nil {
		return err
	}
	if err := s.assign(); err != nil {
		return err
	}
	var apps []string
	for _, service := range s.options.Services {
		apps = append(apps, service.App)
	}
	path := filepath.Join(s.options.Dir, "secrets.json")
	if s.secrets, err = loadSecrets(path, apps); err != nil {
		return err
	}
	s.secrets.setDSNs(s.postgresAddr)
	if err := s.secrets.save(path); err != nil {
		return err
	}

	var binaries string
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.startStores(groupCtx, apps) })
	group.Go(func() (err error) {
		binaries, err = s.build(groupCtx)
		return err
	})
	if s.options.Web {
		group.Go(func() error { return prepare.Web(groupCtx, s.options.Root, s.progress) })
	}
	if err := group.Wait(); err != nil {
		return err
	}

	s.progress("starting the services")
	var started []*process
	for _, r := range s.replicas {
		started = append(started, s.app(r, binaries), s.sidecar(r, daprd))
	}
	for _, p := range started {
		p.start()
	}
	return awaitReady(ctx, started)
}

// openDir makes the data directory and takes it for this process alone.
func (s *Stack) openDir() error {
	if err := os.MkdirAll(filepath.Join(s.options.Dir, "logs"), 0o755); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(s.options.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("open the data directory's lock: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return fmt.Errorf("%s is in use: the platform runs there already", s.options.Dir)
	}
	s.dirLock = lock

	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.options.Dir, &disk); err != nil {
		return fmt.Errorf("look at the disk: %w", err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < minFree {
		return fmt.Errorf("the disk of %s is full: %d MB are free and %d MB are needed", s.options.Dir, free>>20, minFree>>20)
	}
	return nil
}

// assign gives everything its address.
func (s *Stack) assign() (err error) {
	if s.ports, err = newPorts(); err != nil {
		return err
	}
	for _, addr := range []*string{&s.postgresAddr, &s.redisAddr} {
		port, err := s.ports.take()
		if err != nil {
			return err
		}
		*addr = address(port)
	}
	for _, service := range s.options.Services {
		for n := range service.Replicas {
			r, err := newReplica(service, n, s.ports)
			if err != nil {
				return err
			}
			s.replicas = append(s.replicas, r)
			if service.App == "gateway" && n == 0 {
				if err := s.openGateway(r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// openGateway puts the first gateway where it was asked to be.
func (s *Stack) openGateway(r *replica) error {
	if s.options.GatewayAddr != "" {
		l, err := net.Listen("tcp", s.options.GatewayAddr)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s is in use by another program; choose another port for the gateway", s.options.GatewayAddr)
		}
		if err != nil {
			return fmt.Errorf("open the gateway's port: %w", err)
		}
		l.Close()
		r.addr = s.options.GatewayAddr
	}
	_, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		return fmt.Errorf("the gateway's address: %w", err)
	}
	s.publicHost = net.JoinHostPort("localhost", port)
	return nil
}

func (s *Stack) startStores(ctx context.Context, apps []string) error {
	redis, err := s.redis(filepath.Join(s.options.Dir, "redis"))
	if err != nil {
		return err
	}
	redis.start()
	postgres, err := s.postgres(ctx, filepath.Join(s.options.Dir, "postgres"))
	if err != nil {
		return err
	}
	postgres.start()
	if err := awaitReady(ctx, []*process{redis, postgres}); err != nil {
		return err
	}
	return s.provision(ctx, apps)
}

func (s *Stack) build(ctx context.Context) (string, error) {
	var packages []string
	for _, service := range s.options.Services {
		packages = append(packages, service.Package)
	}
	if len(packages) == 0 {
		return "", nil
	}
	return prepare.Services(ctx, s.options.Root, packages, s.options.Race, s.progress)
}

// process adds one to the stack; nothing runs before its start.
func (s *Stack) process(name string, p *process) *process {
	p.name, p.spawn, p.report = name, s.spawn, s.progress
	p.log = filepath.Join(s.options.Dir, "logs", strings.ReplaceAll(name, "/", "-")+".log")
	p.changed, p.gone = make(chan struct{}), make(chan struct{})
	s.processes[name] = p
	go p.supervise(s.life)
	return p
}

// progress passes a line on, one at a time.
func (s *Stack) progress(line string) {
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	s.options.Progress(line)
}
