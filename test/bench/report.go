package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"moim.dev/moim/test/load"
)

// report is the table.
type report struct {
	rows  []row
	notes []string

	// What the fan-outs and the chats were, for the comparison.
	moim, moimPaced, rabbit, rabbitPaced flow
	moimTalk, rabbitTalk                 talk
}

type row struct{ scenario, figure, value, bar, result string }

// bar is what a figure should reach.
type bar struct {
	least, most float64 // 0: no such bound.
}

var noBar bar

func atLeast(v float64) bar { return bar{least: v} }
func atMost(v float64) bar  { return bar{most: v} }

// add adds a figure; the format has its unit.
func (r *report) add(scenario, figure, format string, value float64, b bar) {
	line := row{scenario, figure, fmt.Sprintf(format, value), "", ""}
	if b != noBar {
		line.bar, line.result = "≥ "+fmt.Sprintf(format, b.least), "reached"
		if b.most > 0 {
			line.bar = "≤ " + fmt.Sprintf(format, b.most)
		}
		if value < b.least || b.most > 0 && value > b.most {
			line.result = "MISSED by " + missedBy(value, b)
		}
	}
	r.rows = append(r.rows, line)
}

// missedBy is the distance to a bar, in parts of it.
func missedBy(value float64, b bar) string {
	should := b.least
	if b.most > 0 {
		should = b.most
	}
	return fmt.Sprintf("%.1f %%", 100*math.Abs(value-should)/should)
}

// latency adds three quantiles; the bar, in ms, is the last one's.
func (r *report) latency(scenario, what string, h *load.Histogram, p99 bar) {
	ms := func(q float64) float64 { return float64(h.Quantile(q)) / float64(time.Millisecond) }
	r.add(scenario, what+" p50", "%.1f ms", ms(0.50), noBar)
	r.add(scenario, what+" p95", "%.1f ms", ms(0.95), noBar)
	r.add(scenario, what+" p99", "%.1f ms", ms(0.99), p99)
}

// fail adds a scenario that has no figures, as something was lost, came twice or didn't work.
func (r *report) fail(scenario string, err error) {
	r.rows = append(r.rows, row{scenario, "FAILED", err.Error(), "", "FAILED"})
}

func (r *report) note(line string) { r.notes = append(r.notes, line) }

// compare adds how the platform and RabbitMQ relate, where both were measured.
func (r *report) compare() {
	r.compareFanOuts()
	if r.moimTalk.messages == nil || r.rabbitTalk.messages == nil {
		return
	}
	const name = "durable chat, Moim ÷ RabbitMQ"
	r.add(name, "messages per CPU-second of all processes, high rate", "%.2f ×", r.moimTalk.perCPU/r.rabbitTalk.perCPU, noBar)
	r.add(name, "SEND→RECEIPT p99, moderate rate", "%.2f ×", p99Ratio(r.moimTalk.receipts, r.rabbitTalk.receipts), noBar)
	r.add(name, "SEND→MESSAGE p99, moderate rate", "%.2f ×", p99Ratio(r.moimTalk.messages, r.rabbitTalk.messages), noBar)
}

func p99Ratio(a, b *load.Histogram) float64 {
	return float64(a.Quantile(0.99)) / float64(b.Quantile(0.99))
}

func (r *report) compareFanOuts() {
	if r.moim.deliveries == 0 || r.rabbit.deliveries == 0 {
		return
	}
	const name = "fan-out, Moim ÷ RabbitMQ"
	r.add(name, "deliveries/s, saturated", "%.1f ×", r.moim.perSecond()/r.rabbit.perSecond(), noBar)
	r.add(name, "per CPU-second of all processes, saturated", "%.1f ×", r.moim.perCPU(1)/r.rabbit.perCPU(0), atLeast(10))
	if r.moimPaced.deliveries == 0 || r.rabbitPaced.deliveries == 0 {
		return
	}
	r.add(name, "per CPU-second of all processes, same rate", "%.1f ×", r.moimPaced.perCPU(1)/r.rabbitPaced.perCPU(0), noBar)
	r.add(name, "p99, same rate", "%.2f ×", p99Ratio(r.moimPaced.latency, r.rabbitPaced.latency), noBar)
}

// print prints the table, and writes it as Markdown too. It returns an error when a scenario failed.
func (r *report) print(root string) error {
	r.notes = append([]string{fmt.Sprintf("%s, %s, %d processors, shared by the platform and the load generator, which connects to realtime directly.",
		time.Now().UTC().Format(time.DateTime+" UTC"), kernel(), runtime.NumCPU())}, r.notes...)

	fmt.Println()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	var markdown bytes.Buffer
	markdown.WriteString("| Scenario | Figure | Value | Bar | |\n|---|---|---:|---:|---|\n")
	failed := 0
	for _, l := range r.rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", l.scenario, l.figure, l.value, l.bar, l.result)
		fmt.Fprintf(&markdown, "| %s | %s | %s | %s | %s |\n", l.scenario, l.figure, l.value, l.bar, l.result)
		if l.result == "FAILED" {
			failed++
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	for _, n := range r.notes {
		fmt.Println(n)
		fmt.Fprintf(&markdown, "\n%s\n", n)
	}
	dir := filepath.Join(root, ".moim", "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the report's folder: %w", err)
	}
	path := filepath.Join(dir, time.Now().UTC().Format("2006-01-02T150405Z")+".md")
	if err := os.WriteFile(path, markdown.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	fmt.Println("Written to", path)
	if failed > 0 {
		return fmt.Errorf("%d scenarios failed", failed)
	}
	return nil
}

// kernel is the system and its release.
func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(release))
}
