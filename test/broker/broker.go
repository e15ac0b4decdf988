// Package broker runs message brokers on this machine, for tests and measurements: each on ports of its own of the loopback, with its data
// in a folder that the caller removes.
package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startTimeout bounds how long a broker takes to listen.
const startTimeout = time.Minute

// programs are what a broker consists of. Each is in a group of its own, which ends as one: a server may be a tree of processes. The limit on
// open files is inherited; Go has raised it.
type programs struct{ all []*exec.Cmd }

func (p *programs) start(dir string, output *os.File, env []string, command ...string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), dir, output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", command[0], err)
	}
	p.all = append(p.all, cmd)
	return nil
}

// PIDs are the processes that everything else of the broker descends from.
func (p *programs) PIDs() []int {
	pids := make([]int, 0, len(p.all))
	for _, cmd := range p.all {
		pids = append(pids, cmd.Process.Pid)
	}
	return pids
}

// Stop ends the broker as a crash does.
func (p *programs) Stop() {
	for i := len(p.all) - 1; i >= 0; i-- {
		_ = syscall.Kill(-p.all[i].Process.Pid, syscall.SIGKILL)
		_ = p.all[i].Wait()
	}
	p.all = nil
}

// await returns when all addresses are listened at. An error has what the broker printed.
func (p *programs) await(ctx context.Context, output *os.File, addrs ...string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for _, addr := range addrs {
		for {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
			if err == nil {
				_ = conn.Close()
				break
			}
			select {
			case <-retry.C:
			case <-ctx.Done():
				p.Stop()
				printed, readErr := os.ReadFile(output.Name())
				return errors.Join(fmt.Errorf("wait for the broker: %w; it printed: %s", err, strings.Join(strings.Fields(string(printed)), " ")), readErr)
			}
		}
	}
	return nil
}

// freePorts returns ports that nobody listens on now.
func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}

func local(port string) string { return net.JoinHostPort("127.0.0.1", port) }
