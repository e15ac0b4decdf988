package stack

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// redis prepares a Redis server that keeps its data in dir.
func (s *Stack) redis(dir string) (*process, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis-server is not installed: %w; `make prepare` installs it", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make Redis's folder: %w", err)
	}
	host, port, _ := net.SplitHostPort(s.redisAddr)
	password := s.secrets["redis"]["password"]
	// In a file, as arguments can be read by everybody on the machine. What a client was told is stored has been written to the append-only
	// file by then, so that only a crash of the whole machine loses up to one second.
	config := filepath.Join(dir, "redis.conf")
	lines := []string{
		"bind " + host, "port " + port, "requirepass " + password,
		"dir " + dir, "save \"\"", "appendonly yes", "appendfsync everysec",
		"maxmemory-policy noeviction", "notify-keyspace-events Kg$xe",
	}
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write Redis's configuration: %w", err)
	}
	return s.process("redis", &process{
		stopWith: syscall.SIGTERM,
		dieWith:  syscall.SIGKILL,
		command:  func() (*exec.Cmd, error) { return exec.Command(binary, config), nil },
		ready:    func(ctx context.Context) error { return pingRedis(ctx, s.redisAddr, password) },
	}), nil
}

// pingRedis returns nil when Redis answers and has loaded its data.
func pingRedis(ctx context.Context, addr, password string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second)) // fails on a closed connection only, as do the calls below
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", password); err != nil {
		return err
	}
	replies := bufio.NewScanner(conn)
	for _, want := range []string{"+OK", "+PONG"} {
		if !replies.Scan() {
			return fmt.Errorf("redis closed the connection: %w", replies.Err())
		}
		if replies.Text() != want {
			return fmt.Errorf("redis answered %q", replies.Text())
		}
	}
	return nil
}
