package main

import (
	"context"
	"fmt"
	"time"

	"moim.dev/moim/test/load"
)

// settle bounds the wait for what was sent to arrive.
const settle = 30 * time.Second

// window is how many messages of a saturating fan-out are on their way at once: enough that nobody waits for the sender, and few enough
// that no subscriber falls so far behind that it is cut off.
const window = 64

// room is one whose first connection sends and all receive.
type room struct {
	group *load.Group
	conns []*load.Conn
	send  func(load.Marker) []byte
	usage func() ([2]load.Usage, error) // Of the edge, and of all processes.
	sent  int64
}

// flow is what went through a room.
type flow struct {
	deliveries, elapsed float64 // How many, in how many seconds.
	cpu                 [2]float64
	latency             *load.Histogram
}

func (f flow) perSecond() float64    { return f.deliveries / f.elapsed }
func (f flow) perCPU(of int) float64 { return f.deliveries / f.cpu[of] }

// saturate sends as fast as the messages are delivered.
func (r *room) saturate(ctx context.Context, duration time.Duration) (flow, error) {
	return r.measure(ctx, func(ctx context.Context) error {
		for end := time.Now().Add(duration); time.Now().Before(end); {
			if err := r.group.AwaitMessages(ctx, (r.sent-window+1)*int64(len(r.conns))); err != nil {
				return err
			}
			if err := r.say(time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// pace sends at a rate.
func (r *room) pace(ctx context.Context, rate float64, duration time.Duration) (flow, error) {
	return r.measure(ctx, func(ctx context.Context) error {
		s := load.Schedule{Start: time.Now(), Rate: rate, Count: int(rate * duration.Seconds())}
		return s.Run(ctx, func(_ int, due time.Time) error { return r.say(due) })
	})
}

func (r *room) say(due time.Time) error {
	r.sent++
	return r.conns[0].Send(r.send(load.Marker{Number: r.sent - 1, Due: due.UnixNano()}))
}

func (r *room) measure(ctx context.Context, load func(context.Context) error) (f flow, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+settle)
	defer cancel()
	before, err := r.usage()
	if err != nil {
		return f, err
	}
	began, already := time.Now(), r.group.Messages()
	if err := load(ctx); err != nil {
		return f, err
	}
	all := r.sent * int64(len(r.conns))
	if err := r.group.AwaitMessages(ctx, all); err != nil {
		return f, err
	}
	f.elapsed, f.deliveries = time.Since(began).Seconds(), float64(all-already)
	after, err := r.usage()
	if err != nil {
		return f, err
	}
	for i := range after {
		f.cpu[i] = (after[i].CPU - before[i].CPU).Seconds()
	}
	f.latency, _ = r.group.Latencies()
	return f, nil
}

// fanOut measures one room whose subscribers are connections of one user, half of them at each replica.
func (p *platform) fanOut(ctx context.Context, report *report, size size) error {
	user, err := p.user(ctx, 0)
	if err != nil {
		return err
	}
	created, err := user.CreateRoom(ctx, "Fan-out", 2)
	if err != nil {
		return err
	}
	conns, err := connect(ctx, size.subscribers, func(i int) load.Endpoint {
		return load.Endpoint{Addr: p.realtime(i), Path: "/ws", Headers: []string{"Authorization", "Bearer " + user.Access}}
	}, func(int) []byte { return subscribe(created.ID) })
	if err != nil {
		return err
	}
	r := &room{group: load.NewGroup(conns), conns: conns, usage: p.usage,
		send: func(m load.Marker) []byte { return send(created.ID, m, false) }}
	defer r.group.Close()
	report.moim, report.moimPaced, err = r.fanOut(ctx, size)
	if err != nil {
		return err
	}
	busy, err := r.pace(ctx, size.busyRate, size.duration)
	if err != nil {
		return fmt.Errorf("keep a high rate: %w", err)
	}
	report.note(fmt.Sprintf("Fan-out: subscribers are connections of one user; saturated is with %d messages under way all the time, "+
		"so that many share a write. A rate says what single messages cost.", window))
	report.flow("fan-out, saturated", report.moim, atLeast(150_000))
	for _, paced := range []struct {
		rate float64
		flow
	}{{size.fanOutRate, report.moimPaced}, {size.busyRate, busy}} {
		name := fmt.Sprintf("fan-out, %.0f messages/s", paced.rate)
		report.flow(name, paced.flow, noBar)
		report.latency(name, "SEND→MESSAGE", paced.latency, noBar)
	}
	return nil
}

// flow adds what went through the platform.
func (r *report) flow(name string, f flow, perCPU bar) {
	r.add(name, "deliveries", "%.0f/s", f.perSecond(), noBar)
	r.add(name, "per CPU-second of realtime", "%.0f", f.perCPU(0), perCPU)
	r.add(name, "per CPU-second of the platform", "%.0f", f.perCPU(1), noBar)
}

// fanOut warms up, saturates and then keeps a rate.
func (r *room) fanOut(ctx context.Context, size size) (saturated, paced flow, err error) {
	if _, err := r.pace(ctx, size.fanOutRate, time.Second); err != nil {
		return saturated, paced, fmt.Errorf("warm up: %w", err)
	}
	if saturated, err = r.saturate(ctx, size.duration); err != nil {
		return saturated, paced, fmt.Errorf("saturate: %w", err)
	}
	if paced, err = r.pace(ctx, size.fanOutRate, size.duration); err != nil {
		return saturated, paced, fmt.Errorf("keep a rate: %w", err)
	}
	return saturated, paced, nil
}
