package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"moim.dev/moim/test/load"
)

// rabbitServer is where Debian has the server's own script. The one on the PATH changes to another user, whose files are not ours.
const rabbitServer = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// rabbit is a RabbitMQ node of our own.
type rabbit struct {
	addr      string
	processes []*exec.Cmd
}

// startRabbit starts a node and the port mapper that Erlang wants, both on free ports of this machine alone.
func startRabbit(ctx context.Context, dir string) (*rabbit, error) {
	ports, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	epmdPort, dist, amqp, stomp, web := ports[0], ports[1], ports[2], ports[3], ports[4]
	config := fmt.Sprintf(`listeners.tcp.local = 127.0.0.1:%s
stomp.listeners.tcp.local = 127.0.0.1:%s
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = %s
web_stomp.cowboy_opts.idle_timeout = 3600000
log.console = true
log.console.level = error
log.file = false
`, amqp, stomp, web)
	files := map[string]string{"rabbitmq.conf": config, "enabled_plugins": "[rabbitmq_web_stomp].\n", "env.conf": "", "advanced.config": "[].\n"}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("configure RabbitMQ: %w", err)
		}
	}
	env := append(os.Environ(), "HOME="+dir, "ERL_EPMD_PORT="+epmdPort, "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=bench@localhost", "RABBITMQ_DIST_PORT="+dist,
		"RABBITMQ_CONF_ENV_FILE="+filepath.Join(dir, "env.conf"), "RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "rabbitmq.conf"),
		"RABBITMQ_ADVANCED_CONFIG_FILE="+filepath.Join(dir, "advanced.config"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(dir, "enabled_plugins"),
		"RABBITMQ_BASE="+dir, "RABBITMQ_MNESIA_BASE="+filepath.Join(dir, "mnesia"), "RABBITMQ_LOG_BASE="+filepath.Join(dir, "log"),
		"RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"), "RABBITMQ_GENERATED_CONFIG_DIR="+filepath.Join(dir, "config"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}")
	log, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, fmt.Errorf("configure RabbitMQ: %w", err)
	}
	defer log.Close()
	r := &rabbit{addr: net.JoinHostPort("127.0.0.1", web)}
	for _, command := range [][]string{{"epmd", "-address", "127.0.0.1", "-port", epmdPort}, {rabbitServer}} {
		cmd := exec.Command(command[0], command[1:]...)
		// A group of its own, which ends as one: the server is a tree of processes. The limit on open files is inherited; Go has raised it.
		cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, dir, log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			r.stop()
			return nil, fmt.Errorf("start RabbitMQ: %w", err)
		}
		r.processes = append(r.processes, cmd)
	}
	if err := r.await(ctx); err != nil {
		r.stop()
		output, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w; it printed: %s", err, strings.Join(strings.Fields(string(output)), " "))
	}
	return r, nil
}

// await returns when the node takes a STOMP connection.
func (r *rabbit) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	retry := time.NewTicker(200 * time.Millisecond)
	defer retry.Stop()
	for {
		c, err := load.Dial(ctx, load.Endpoint{Addr: r.addr, Path: "/ws", Headers: []string{"login", "guest", "passcode", "guest"}})
		if err == nil {
			c.Close()
			return nil
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for RabbitMQ: %w", err)
		}
	}
}

// usage measures all processes of the node; there is no part that is the edge alone.
func (r *rabbit) usage() (used [2]load.Usage, err error) {
	pids := make([]int, 0, len(r.processes))
	for _, cmd := range r.processes {
		pids = append(pids, cmd.Process.Pid)
	}
	used[0], err = load.Processes(pids...)
	used[1] = used[0]
	return used, err
}

func (r *rabbit) stop() {
	for i := len(r.processes) - 1; i >= 0; i-- {
		cmd := r.processes[i]
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // Nothing of it is kept.
		_ = cmd.Wait()
	}
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
