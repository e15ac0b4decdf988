package main

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"moim.dev/moim/services/internal/token"
)

// resident is the memory of this process that is resident, in bytes.
func resident(tb testing.TB) int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		tb.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// BenchmarkIdleConnections opens 10,000 connections, each with a subscription, and reports the resident memory that each
// costs: as it is once they are open, and after a garbage collection.
func BenchmarkIdleConnections(b *testing.B) {
	const connections = 10_000
	for b.Loop() {
		p := newPlatform()
		p.user("u")
		p.join(roomR, "u")
		cfg := testConfig()
		cfg.HeartBeat, cfg.HeadsInterval = 20*time.Second, 2*time.Second
		e := p.serve(b, cfg)
		verify := e.verifyToken
		e.verifyToken = func(ctx context.Context, raw string) (u token.User, err error) {
			deeply(14, func() { u, err = verify(ctx, raw) })
			return u, err
		}
		runtime.GC()
		before, cpu := resident(b), cpuTime(b)
		startClients(b, e.addr, connections)
		opened := resident(b)
		b.ReportMetric((cpuTime(b)-cpu).Seconds()*1e6/connections, "cpu-us/connect")
		cpu = cpuTime(b)
		time.Sleep(10 * time.Second)
		b.ReportMetric((cpuTime(b)-cpu).Seconds()*100/10, "%cpu-idle")
		rested := resident(b)
		runtime.GC()
		b.ReportMetric(float64(opened-before)/connections, "B/conn-opened")
		b.ReportMetric(float64(rested-before)/connections, "B/conn-10s-later")
		b.ReportMetric(float64(resident(b)-before)/connections, "B/conn-after-GC")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/connections, "heap-B/conn")
		b.ReportMetric(float64(m.StackInuse)/connections, "stack-B/conn")
		b.ReportMetric(0, "ns/op")
	}
}

// deeply calls f with a deep stack, as gRPC does.
func deeply(depth int, f func()) byte {
	var frame [1 << 10]byte
	if depth == 0 {
		f()
		return frame[0]
	}
	frame[depth] = deeply(depth-1, f)
	return frame[depth]
}
