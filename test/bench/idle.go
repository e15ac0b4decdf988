package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"moim.dev/moim/test/load"
)

const (
	heartBeat = 20 * time.Second // What realtime asks for, unless it is told otherwise.
	// perAddress is how many connections come from one address of 127.0.0.0/8, each of which has its own 28,000 ports on Linux.
	perAddress = 5000
)

// idle measures connections to one replica that are subscribed and exchange heart-beats, and nothing else.
func (p *platform) idle(ctx context.Context, report *report, size size) error {
	user, err := p.user(ctx, 0)
	if err != nil {
		return err
	}
	created, err := user.CreateRoom(ctx, "Idle", 2)
	if err != nil {
		return err
	}
	const replica = "realtime-0"
	before, err := load.Processes(p.stack.PID(replica))
	if err != nil {
		return err
	}
	began := time.Now()
	conns, err := connect(ctx, size.idle, func(i int) load.Endpoint {
		return load.Endpoint{
			Addr: p.stack.Addr(replica), Path: "/ws", From: fmt.Sprintf("127.0.0.%d", 2+i/perAddress),
			Headers: []string{"Authorization", "Bearer " + user.Access, "heart-beat", fmt.Sprintf("%d,%[1]d", heartBeat.Milliseconds())},
		}
	}, func(int) []byte { return subscribe(created.ID) })
	if err != nil {
		return err
	}
	defer closeAll(conns)
	connected := time.Since(began)

	// One round in which heart-beats begin, one that is measured.
	if err := beat(ctx, conns); err != nil {
		return err
	}
	start, err := load.Processes(p.stack.PID(replica))
	if err != nil {
		return err
	}
	if err := beat(ctx, conns); err != nil {
		return err
	}
	end, err := load.Processes(p.stack.PID(replica))
	if err != nil {
		return err
	}
	if err := alive(conns); err != nil {
		return err
	}
	n := float64(size.idle)
	name := fmt.Sprintf("idle, %d connections", size.idle)
	report.add(name, "memory per connection", "%.1f KB", float64(end.RSS-before.RSS)/n/1000, atMost(15))
	report.add(name, "CPU per connection", "%.1f µs/s", float64((end.CPU-start.CPU).Microseconds())/n/heartBeat.Seconds(), noBar)
	report.add(name, "connected and subscribed", "%.0f/s", n/connected.Seconds(), noBar)
	return nil
}

// beat sends a heart-beat on each connection, spread over the time between two.
func beat(ctx context.Context, conns []*load.Conn) error {
	s := load.Schedule{Start: time.Now(), Rate: float64(len(conns)) / heartBeat.Seconds(), Count: len(conns)}
	return s.Run(ctx, func(i int, _ time.Time) error { return conns[i].Send([]byte("\n")) })
}

// alive asks each connection for a receipt.
func alive(conns []*load.Conn) error {
	var group errgroup.Group
	group.SetLimit(64)
	for _, c := range conns {
		group.Go(func() error { return c.Do(load.Frame("UNSUBSCRIBE", "", "id", "0", "receipt", "done")) })
	}
	return group.Wait()
}
