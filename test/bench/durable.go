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

// chat is many rooms with the same number of connections each, of which the first sends.
type chat struct {
	group   *load.Group
	conns   []*load.Conn // Those of room 0, those of room 1, …
	perRoom int
	send    func(room int, m load.Marker) []byte
	sent    []int64 // In each room.
}

// talk is what a comparison needs of a chat: latencies at the moderate rate, and messages per CPU-second of all processes at the high one.
type talk struct {
	messages, receipts *load.Histogram
	perCPU             float64
}

// moderate is the rate, in messages/s, at which latency is measured.
const moderate = 500

// durable measures SEND→RECEIPT and SEND→MESSAGE at a moderate rate, and then whether a high rate is kept up.
func (p *platform) durable(ctx context.Context, report *report, size size) error {
	c, ids, err := p.newChat(ctx)
	if err != nil {
		return err
	}
	defer c.group.Close()
	const name = "durable chat"
	said, err := c.moderate(ctx, report, name, size, atMost(30))
	if err != nil {
		return err
	}
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
	if err := p.allStored(ctx, ids, c.total()); err != nil {
		return err
	}
	said.perCPU = c.heavy(report, name, size, took, (after[1].CPU - before[1].CPU), atLeast(3000))
	report.moimTalk = said
	return nil
}

// moderate adds the latencies at a moderate rate.
func (c *chat) moderate(ctx context.Context, report *report, name string, size size, p99 bar) (said talk, err error) {
	if _, err := c.pace(ctx, moderate, time.Second); err != nil {
		return said, fmt.Errorf("warm up: %w", err)
	}
	c.group.Latencies()
	if _, err := c.pace(ctx, moderate, size.duration); err != nil {
		return said, fmt.Errorf("%d/s: %w", moderate, err)
	}
	said.messages, said.receipts = c.group.Latencies()
	name = fmt.Sprintf("%s, %d rooms, %d messages/s", name, rooms, moderate)
	report.latency(name, "SEND→RECEIPT", said.receipts, noBar)
	report.latency(name, "SEND→MESSAGE", said.messages, p99)
	return said, nil
}

// heavy adds what a high rate came to, and returns the messages per CPU-second.
func (c *chat) heavy(report *report, name string, size size, took, cpu time.Duration, stored bar) float64 {
	messages, receipts := c.group.Latencies()
	name = fmt.Sprintf("%s, %d rooms, %.0f messages/s", name, rooms, size.durableRate)
	report.add(name, "stored and delivered", "%.0f/s", float64(receipts.Count())/took.Seconds(), stored)
	perCPU := float64(receipts.Count()) / cpu.Seconds()
	report.add(name, "per CPU-second of all processes", "%.0f", perCPU, noBar)
	report.latency(name, "SEND→RECEIPT", receipts, noBar)
	report.latency(name, "SEND→MESSAGE", messages, noBar)
	return perCPU
}

// newChat makes the rooms, whose connections are one at each replica, and returns their ids.
func (p *platform) newChat(ctx context.Context) (*chat, []string, error) {
	ids := make([]string, rooms)
	var group errgroup.Group
	group.SetLimit(8)
	for i := range ids {
		group.Go(func() error {
			user, err := p.user(ctx, i%chatUsers)
			if err != nil {
				return err
			}
			created, err := user.CreateRoom(ctx, fmt.Sprint("Room ", i), 2)
			ids[i] = created.ID
			return err
		})
	}
	err := group.Wait()
	if err != nil {
		return nil, nil, fmt.Errorf("make rooms: %w", err)
	}
	conns, err := connect(ctx, 2*rooms, func(i int) load.Endpoint {
		owner := p.users[i/2%chatUsers]
		return load.Endpoint{Addr: p.realtime(i + i/2), Path: "/ws", Headers: []string{"Authorization", "Bearer " + owner.Access}}
	}, func(i int) []byte { return subscribe(ids[i/2]) })
	if err != nil {
		return nil, nil, err
	}
	return newChat(conns, func(room int, m load.Marker) []byte { return send(ids[room], m, true) }), ids, nil
}

func newChat(conns []*load.Conn, send func(int, load.Marker) []byte) *chat {
	return &chat{group: load.NewGroup(conns), conns: conns, perRoom: len(conns) / rooms, send: send, sent: make([]int64, rooms)}
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
		return c.conns[c.perRoom*r].Send(c.send(r, m))
	})
	if err != nil {
		return 0, err
	}
	if err := c.group.AwaitReceipts(ctx, c.total()); err != nil {
		return 0, err
	}
	err = c.group.AwaitMessages(ctx, int64(c.perRoom)*c.total())
	return time.Since(s.Start), err
}

func (c *chat) total() (n int64) {
	for _, sent := range c.sent {
		n += sent
	}
	return n
}

// allStored compares the log with what was sent.
func (p *platform) allStored(ctx context.Context, rooms []string, want int64) error {
	conn, err := pgx.Connect(ctx, p.stack.DSN("message"))
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var stored int64
	err = conn.QueryRow(ctx, `SELECT count(*) FROM messages WHERE room_id::text = ANY($1) AND content LIKE 'load=%'`, rooms).Scan(&stored)
	if err != nil {
		return fmt.Errorf("count what is stored: %w", err)
	}
	if stored != want {
		return fmt.Errorf("%d messages are stored of %d that were receipted", stored, want)
	}
	return nil
}
