package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"moim.dev/moim/services/internal/settings"
	"moim.dev/moim/services/internal/token"
)

// server is one replica: its connections, the rooms they subscribe to, and its ways to the other services.
type server struct {
	name        string
	cfg         config
	log         *slog.Logger
	call        *http.Client
	verifyToken func(ctx context.Context, raw string) (token.User, error)
	upgrader    *websocket.Upgrader
	frameRate   *settings.Value[float64]

	// ctx is that of the calls that connections make; it ends after the drain.
	ctx      context.Context
	stop     context.CancelFunc
	began    time.Time
	lastConn atomic.Uint64
	draining atomic.Bool
	verifies chan struct{} // asks for a verification of all connections, now

	conns    registry
	sessions *sessions
	members  *members
	hub      *hub
	lanes    []*lane
	writers  []*writer
}

func newServer(name string, cfg config, log *slog.Logger, call *http.Client, verify func(context.Context, string) (token.User, error)) *server {
	s := &server{
		name: name, cfg: cfg, log: log, call: call, verifyToken: verify, upgrader: newUpgrader(cfg.Origins),
		frameRate: settings.Fixed(cfg.FrameRate), began: time.Now(), sessions: newSessions(), members: newMembers(call),
		verifies: make(chan struct{}, 1),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for i := range cfg.Writers {
		s.writers = append(s.writers, newWriter(i, cfg.Gather))
	}
	for range cfg.Lanes {
		s.lanes = append(s.lanes, newLane(s))
	}
	s.hub = newHub(s.ctx, newMessageLog(call), s.writers)
	return s
}

// run does what goes on in the background, until the context ends. It returns nil.
func (s *server) run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, w := range s.writers {
		wg.Go(func() { w.run(ctx) })
	}
	wg.Go(func() { s.sweep(ctx) })
	wg.Go(func() { s.verifyAll(ctx) })
	wg.Go(func() { s.hub.watch(ctx, s.cfg.HeadsInterval) })
	<-ctx.Done()
	s.stop()
	wg.Wait()
	return nil
}

// frames is how many frames a second one connection may send, and how many at once: with the rate, the burst is set.
func (s *server) frames() (rate, burst float64) {
	rate = s.frameRate.Get()
	return rate, max(1, s.cfg.FrameBurst*rate/s.cfg.FrameRate)
}

// now is the time since the server began, in nanoseconds: never 0, never set back.
func (s *server) now() int64 { return int64(time.Since(s.began)) + 1 }
