package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/test/load"
)

const (
	rooms     = 100
	chatUsers = 10
)

// chat is many rooms with two connections each, one at each replica, of which the first sends.
type chat struct {
	group *load.Group
	conns []*load.Conn // Room i has 2i and 2i+1.
	rooms []string
	sent  []int64 // In each room.
}

// durable measures SEND→RECEIPT and SEND→MESSAGE at a moderate rate, and then whether a high rate is kept up.
func (p *platform) durable(ctx context.Context, report *report, size size) error {
	c, err := p.newChat(ctx)
	if err != nil {
		return err
	}
	defer c.group.Close()
	if _, err := c.pace(ctx, 500, time.Second); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	c.group.Latencies()

	const moderate = 500
	name := fmt.Sprintf("durable chat, %d rooms, %d messages/s", rooms, moderate)
	if _, err := c.pace(ctx, moderate, size.duration); err != nil {
		return fmt.Errorf("%d/s: %w", moderate, err)
	}
	messages, receipts := c.group.Latencies()
	report.latency(name, "SEND→RECEIPT", receipts, noBar)
	report.latency(name, "SEND→MESSAGE", messages, atMost(30))

	name = fmt.Sprintf("durable chat, %d rooms, %.0f messages/s", rooms, size.durableRate)
	before, err := p.usage()
	if err != nil {
		return err
	}
	took, err := c.pace(ctx, size.durableRate, size.duration*3/2)
	if err != nil {
		return fmt.Errorf("%.0f/s: %w", size.durableRate, err)
	}
	after, err := p.usage()
	if err != nil {
		return err
	}
	if err := p.allStored(ctx, c); err != nil {
		return err
	}
	messages, receipts = c.group.Latencies()
	stored := float64(receipts.Count()) / took.Seconds()
	report.add(name, "stored and delivered", "%.0f/s", stored, atLeast(3000*0.98)) // What is in flight at the end counts as time too.
	report.add(name, "deliveries", "%.0f/s", float64(messages.Count())/took.Seconds(), noBar)
	report.add(name, "per CPU-second of the platform", "%.0f messages", float64(receipts.Count())/(after[1].CPU-before[1].CPU).Seconds(), noBar)
	report.latency(name, "SEND→RECEIPT", receipts, noBar)
	report.latency(name, "SEND→MESSAGE", messages, noBar)
	return nil
}

func (p *platform) newChat(ctx context.Context) (*chat, error) {
	c := &chat{rooms: make([]string, rooms), sent: make([]int64, rooms)}
	var group errgroup.Group
	group.SetLimit(8)
	for i := range c.rooms {
		group.Go(func() error {
			user, err := p.user(ctx, i%chatUsers)
			if err != nil {
				return err
			}
			created, err := user.CreateRoom(ctx, fmt.Sprint("Room ", i), 2)
			c.rooms[i] = created.ID
			return err
		})
	}
	err := group.Wait()
	if err != nil {
		return nil, fmt.Errorf("make rooms: %w", err)
	}
	c.conns, err = connect(ctx, 2*rooms, func(i int) load.Endpoint {
		owner := p.users[i/2%chatUsers]
		return load.Endpoint{Addr: p.realtime(i + i/2), Path: "/ws", Headers: []string{"Authorization", "Bearer " + owner.Access}}
	}, func(i int) []byte { return subscribe(c.rooms[i/2]) })
	if err != nil {
		return nil, err
	}
	c.group = load.NewGroup(c.conns)
	return c, nil
}

// pace sends at a rate, to each room in turn, and waits until everything is receipted and delivered.
func (c *chat) pace(ctx context.Context, rate float64, duration time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, duration+settle)
	defer cancel()
	s := load.Schedule{Start: time.Now(), Rate: rate, Count: int(rate * duration.Seconds())}
	err := s.Run(ctx, func(i int, due time.Time) error {
		r := i % rooms
		m := load.Marker{Number: c.sent[r], Due: due.UnixNano()}
		c.sent[r]++
		return c.conns[2*r].Send(send(c.rooms[r], m, true))
	})
	if err != nil {
		return 0, err
	}
	if err := c.group.AwaitReceipts(ctx, c.total()); err != nil {
		return 0, err
	}
	err = c.group.AwaitMessages(ctx, 2*c.total())
	return time.Since(s.Start), err
}

func (c *chat) total() (n int64) {
	for _, sent := range c.sent {
		n += sent
	}
	return n
}

// allStored compares the log with what was sent.
func (p *platform) allStored(ctx context.Context, c *chat) error {
	conn, err := pgx.Connect(ctx, p.stack.DSN("message"))
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var stored int64
	err = conn.QueryRow(ctx, `SELECT count(*) FROM messages WHERE room_id::text = ANY($1) AND content LIKE 'load=%'`, c.rooms).Scan(&stored)
	if err != nil {
		return fmt.Errorf("count what is stored: %w", err)
	}
	if stored != c.total() {
		return fmt.Errorf("%d messages are stored of %d that were receipted", stored, c.total())
	}
	return nil
}
