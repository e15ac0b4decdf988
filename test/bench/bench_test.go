package main

import (
	"context"
	"testing"
	"time"
)

// TestBench runs the scenarios with hardly any load. It is about what they check, that everything comes once and in order and is stored,
// not about how fast: the machine has other tests to run.
func TestBench(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	p, err := startPlatform(ctx, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	small := size{subscribers: 10, signups: 5, fanOutRate: 20, busyRate: 40, durableRate: 200, duration: 2 * time.Second}
	for name, run := range map[string]func(context.Context, *report, size) error{
		"fan-out": p.fanOut, "durable chat": p.durable, "signups": p.signups,
	} {
		t.Run(name, func(t *testing.T) {
			found := &report{}
			if err := run(ctx, found, small); err != nil {
				t.Error(err)
			}
			if len(found.rows) == 0 {
				t.Error("it found nothing")
			}
			for _, r := range found.rows {
				t.Log(r.scenario, r.figure, r.value)
			}
		})
	}
}
