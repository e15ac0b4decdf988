package main

import (
	"context"
	"fmt"
	"os"

	"moim.dev/moim/test/broker"
	"moim.dev/moim/test/load"
)

// rabbitMQ measures the fan-out and persistent messages on RabbitMQ with its web_stomp plugin, where it is installed.
func rabbitMQ(ctx context.Context, report *report, size size) error {
	if !broker.HasRabbitMQ() {
		report.note("RabbitMQ is not installed, so nothing is compared with it (Debian: apt-get install rabbitmq-server).")
		return nil
	}
	dir, err := os.MkdirTemp("", "moim-bench-rabbitmq-")
	if err != nil {
		return fmt.Errorf("make a folder for RabbitMQ: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	started, err := broker.StartRabbitMQ(ctx, dir)
	if err != nil {
		return err
	}
	defer started.Stop()
	node := rabbit{started}
	if err := node.fanOut(ctx, report, size); err != nil {
		return fmt.Errorf("fan-out: %w", err)
	}
	if err := node.durable(ctx, report, size); err != nil {
		return fmt.Errorf("persistent messages: %w", err)
	}
	return nil
}

// rabbit is measured as the platform is.
type rabbit struct{ *broker.RabbitMQ }

func (r rabbit) endpoint(int) load.Endpoint {
	return load.Endpoint{Addr: r.WebSTOMP, Path: "/ws", Headers: []string{"login", "guest", "passcode", "guest"}}
}

func rabbitSubscribe(destination string) []byte {
	return load.Frame("SUBSCRIBE", "", "destination", destination, "id", "0", "ack", "auto", "receipt", "done")
}

// fanOut is the platform's, with a topic for the room.
func (r rabbit) fanOut(ctx context.Context, report *report, size size) error {
	const topic = "/topic/bench"
	conns, err := connect(ctx, size.subscribers, r.endpoint, func(int) []byte { return rabbitSubscribe(topic) })
	if err != nil {
		return err
	}
	to := &room{group: load.NewGroup(conns), conns: conns, usage: r.usage, send: func(m load.Marker) []byte {
		return load.Frame("SEND", body("bench", string(m.Append(nil))), "destination", topic)
	}}
	defer to.group.Close()
	saturated, paced, err := to.fanOut(ctx, size)
	if err != nil {
		return err
	}
	report.rabbit, report.rabbitPaced = saturated, paced
	const name = "RabbitMQ fan-out, saturated"
	report.add(name, "deliveries", "%.0f/s", saturated.perSecond(), noBar)
	report.add(name, "per CPU-second of RabbitMQ", "%.0f", saturated.perCPU(0), noBar)
	rate := fmt.Sprintf("RabbitMQ fan-out, %.0f messages/s", size.fanOutRate)
	report.add(rate, "deliveries", "%.0f/s", paced.perSecond(), noBar)
	report.add(rate, "per CPU-second of RabbitMQ", "%.0f", paced.perCPU(0), noBar)
	report.latency(rate, "SEND→MESSAGE", paced.latency, noBar)
	return nil
}

// durable is the platform's: a topic for each room, and for each of its two members a durable queue, so that a member who is away misses
// nothing. A queue forgets what it has delivered, and what it delivers at once it needn't write to the disk; the platform stores all.
func (r rabbit) durable(ctx context.Context, report *report, size size) error {
	topic := func(room int) string { return fmt.Sprint("/topic/room-", room) }
	conns, err := connect(ctx, 2*rooms, r.endpoint, func(i int) []byte {
		return load.Frame("SUBSCRIBE", "", "destination", topic(i/2), "id", fmt.Sprint("member-", i), "durable", "true", "auto-delete", "false",
			"ack", "auto", "receipt", "done")
	})
	if err != nil {
		return err
	}
	c := newChat(conns, func(room int, m load.Marker) []byte {
		marker := string(m.Append(nil))
		return load.Frame("SEND", body("bench", marker), "destination", topic(room), "persistent", "true", "receipt", marker)
	})
	defer c.group.Close()
	const name = "RabbitMQ persistent messages"
	said, err := c.moderate(ctx, report, name, size, noBar)
	if err != nil {
		return err
	}
	before, err := r.usage()
	if err != nil {
		return err
	}
	took, err := c.pace(ctx, size.durableRate, size.duration)
	if err != nil {
		return fmt.Errorf("%.0f/s: %w", size.durableRate, err)
	}
	after, err := r.usage()
	if err != nil {
		return err
	}
	said.perCPU = c.heavy(report, name, size, took, after[0].CPU-before[0].CPU, noBar)
	report.rabbitTalk = said
	report.note("RabbitMQ confirms a persistent message once it is on disk or a consumer has taken it; here a consumer takes each at once. " +
		"The platform's receipt always follows the commit to Postgres.")
	return nil
}

// usage measures all processes of the node; there is no part that is the edge alone.
func (r rabbit) usage() (used [2]load.Usage, err error) {
	used[0], err = load.Processes(r.PIDs()...)
	used[1] = used[0]
	return used, err
}
