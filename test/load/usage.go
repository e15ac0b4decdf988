package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc; it is 1/100 s on every platform that Linux runs on today.
const clockTick = 10 * time.Millisecond

// Usage is what processes have used.
type Usage struct {
	CPU time.Duration // Since they started.
	RSS int64         // Bytes that are in memory now; what processes share is counted for each.
}

// Processes measures processes and all that descend from them.
func Processes(roots ...int) (Usage, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return Usage{}, fmt.Errorf("list processes: %w", err)
	}
	type process struct {
		parent int
		usage  Usage
	}
	all := make(map[int]process, len(stats))
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // It has ended; its parent counts what it used.
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		// The fields after the name, which is in parentheses and may have any character: proc(5).
		fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
		var ticks int64
		for _, f := range fields[11:15] { // utime, stime, and those of children that have ended
			n, _ := strconv.ParseInt(f, 10, 64)
			ticks += n
		}
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		parent, _ := strconv.Atoi(fields[1])
		all[pid] = process{parent, Usage{time.Duration(ticks) * clockTick, pages * int64(os.Getpagesize())}}
	}
	member := make(map[int]bool, len(roots))
	for _, pid := range roots {
		if _, ok := all[pid]; !ok {
			return Usage{}, fmt.Errorf("process %d is gone", pid)
		}
		member[pid] = true
	}
	var sum Usage
	for pid, p := range all {
		for up := pid; up > 1; up = all[up].parent {
			if member[up] {
				sum.CPU += p.usage.CPU
				sum.RSS += p.usage.RSS
				break
			}
		}
	}
	return sum, nil
}

// Machine is the time that the processors of this machine have been busy since it started, whoever kept them so.
func Machine() (time.Duration, error) {
	content, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read what the machine has used: %w", err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal …: proc_stat(5)
	var ticks int64
	for i, f := range fields[1:9] {
		if i == 3 || i == 4 { // idle, iowait
			continue
		}
		n, _ := strconv.ParseInt(f, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
