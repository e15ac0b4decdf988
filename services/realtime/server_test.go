package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"
)

// testConfig is the default configuration, quicker.
func testConfig() config {
	return config{
		HeartBeat: time.Second, ConnectTimeout: 10 * time.Second, QueueBytes: 1 << 20, StallTimeout: 10 * time.Second,
		MaxSubscriptions: 256, FrameRate: 1e6, FrameBurst: 1e6, Lanes: 4, AppendTimeout: 15 * time.Second, Writers: 2,
		Gather: time.Millisecond, HeadsInterval: 50 * time.Millisecond, DrainSpread: 100 * time.Millisecond,
	}
}

// newTestServer starts a replica of the platform without an address.
func (p *platform) newTestServer(t testing.TB, cfg config) *server {
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := fmt.Sprintf("realtime-%d", len(p.servers))
	s := newServer(name, cfg, slog.New(slog.DiscardHandler), &http.Client{Transport: p}, p.verify)
	p.servers = append(p.servers, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.run(ctx)
	}()
	t.Cleanup(func() {
		for _, c := range s.conns.all() {
			c.shut()
		}
		cancel()
		<-done
	})
	return s
}
