package broker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NATS is a server with JetStream.
type NATS struct {
	URL string
	dir string
	programs
}

// StartNATS starts a server that has a stream of some subjects, such as chat.>.
func StartNATS(ctx context.Context, dir string, subjects ...string) (*NATS, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	n := &NATS{URL: "nats://" + local(ports[0]), dir: dir}
	if err := n.Start(ctx); err != nil {
		return nil, err
	}
	if err := n.stream(ctx, subjects); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

// Start starts the server again, after Stop, where it was and with the data that it had.
func (n *NATS) Start(ctx context.Context) error {
	output, err := os.Create(filepath.Join(n.dir, "output"))
	if err != nil {
		return fmt.Errorf("configure NATS: %w", err)
	}
	defer output.Close()
	addr := n.URL[len("nats://"):]
	port := addr[len("127.0.0.1:"):]
	if err := n.start(n.dir, output, nil, "nats-server", "-a", "127.0.0.1", "-p", port, "-js", "-sd", filepath.Join(n.dir, "data")); err != nil {
		return err
	}
	return n.await(ctx, output, addr)
}

func (n *NATS) stream(ctx context.Context, subjects []string) error {
	conn, err := nats.Connect(n.URL)
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("connect to JetStream: %w", err)
	}
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "moim", Subjects: subjects}); err != nil {
		return fmt.Errorf("make the stream: %w", err)
	}
	return nil
}
