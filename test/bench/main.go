// Bench measures the platform under load and prints what it found beside what it should reach.
//
// It starts a platform of its own with data that is thrown away, and drives it with the open-loop generator of test/load, which connects
// to the replicas of realtime directly, not through the gateway. Generator and platform share the machine: what the one uses the other
// can't, so figures per CPU-second say more than those per second.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	only := flags.String("only", "", "the scenarios to run, of idle,fanout,durable,signup,rabbitmq (default: all)")
	var size size
	flags.IntVar(&size.subscribers, "subscribers", 1000, "subscribers of the fan-out's room")
	flags.Float64Var(&size.fanOutRate, "fanout-rate", 20, "messages/s of the moderate fan-out")
	flags.Float64Var(&size.busyRate, "fanout-busy-rate", 150, "messages/s of a fan-out that RabbitMQ is not asked for")
	flags.DurationVar(&size.duration, "duration", 10*time.Second, "how long each measured load lasts")
	flags.Float64Var(&size.durableRate, "durable-rate", 3100, "messages/s of the heavy durable chat")
	flags.IntVar(&size.idle, "idle", 10_000, "idle connections")
	flags.IntVar(&size.signups, "signups", 200, "signups")
	_ = flags.Parse(args) // Ends the program on an error.

	if err := raiseFileLimit(); err != nil {
		return err
	}
	began := time.Now()
	progress := func(line string) { fmt.Printf("%6s  %s\n", time.Since(began).Round(time.Second), line) }
	p, err := startPlatform(ctx, progress)
	if err != nil {
		return err
	}
	defer p.stop()

	found := &report{}
	others, err := seeOthers()
	if err != nil {
		return err
	}
	scenarios := []scenario{
		{"idle", "idle connections", p.idle}, // First: memory that a load has used doesn't come back at once.
		{"fanout", "fan-out", p.fanOut},
		{"durable", "durable chat", p.durable},
		{"signup", "signups", p.signups},
		{"rabbitmq", "RabbitMQ", rabbitMQ},
	}
	for _, s := range scenarios {
		if *only != "" && !strings.Contains(","+*only+",", ","+s.name+",") {
			continue
		}
		if s.name == "rabbitmq" {
			p.stop() // It has the machine for itself, as the platform had.
		}
		progress("measuring " + s.title)
		if err := s.run(ctx, found, size); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			found.fail(s.title, err)
		}
	}
	if err := others.note(found); err != nil {
		return err
	}
	found.compare()
	return found.print(p.root)
}

// scenario adds its figures to the report. An error is what was lost, came twice or didn't work.
type scenario struct {
	name, title string
	run         func(context.Context, *report, size) error
}

// size is how much load there is.
type size struct {
	subscribers, idle, signups int
	fanOutRate, busyRate       float64
	durableRate                float64
	duration                   time.Duration
}

// raiseFileLimit lets this process and those it starts have as many connections as the system allows.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit on open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit on open files: %w", err)
	}
	return nil
}
