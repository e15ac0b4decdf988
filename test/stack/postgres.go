package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/test/stack/prepare"
)

// databaseName is the one database; each service has a schema in it.
const databaseName = "moim"

// postgres prepares a Postgres server that keeps its data in dir, which it makes on the first start.
func (s *Stack) postgres(ctx context.Context, dir string) (*process, error) {
	bin, err := prepare.PostgresBin()
	if err != nil {
		return nil, err
	}
	owner, err := postgresOwner()
	if err != nil {
		return nil, err
	}
	if dir, err = s.reachable(dir, owner); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "PG_VERSION")); errors.Is(err, fs.ErrNotExist) {
		if err := s.initdb(ctx, bin, dir, owner); err != nil {
			return nil, err
		}
	}

	_, port, _ := net.SplitHostPort(s.postgresAddr)
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + port, "unix_socket_directories=", "max_connections=400", "jit=off",
		"log_checkpoints=off", "log_min_messages=warning",
	}
	if s.throwaway {
		settings = append(settings, "fsync=off") // survives the death of any process, as the kernel has what was written
	}
	args := []string{"-D", dir}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return s.process("postgres", &process{
		stopWith: syscall.SIGINT,  // "fast": ends the sessions and writes a checkpoint
		dieWith:  syscall.SIGQUIT, // "immediate": nothing of it is left, the next start recovers
		command: func() (*exec.Cmd, error) {
			if err := clearStalePID(dir); err != nil {
				return nil, err
			}
			return owner.command(context.Background(), filepath.Join(bin, "postgres"), args...), nil
		},
		ready: func(ctx context.Context) error {
			conn, err := pgx.Connect(ctx, strings.Replace(s.DSN("postgres"), "/"+databaseName, "/postgres", 1))
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
	}), nil
}

// initdb makes the data directory. It gets its final name when it is complete, so that an interrupted one is not taken for data.
func (s *Stack) initdb(ctx context.Context, bin, dir string, owner account) error {
	s.progress("creating the database in " + dir)
	unfinished := dir + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove an unfinished database: %w", err)
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return fmt.Errorf("make the database's folder: %w", err)
	}
	password := unfinished + ".password"
	if err := os.WriteFile(password, []byte(s.secrets["postgres"]["password"]), 0o600); err != nil {
		return fmt.Errorf("write the database's password: %w", err)
	}
	defer func() { _ = os.Remove(password) }() // the folder is its owner's and ours alone
	for _, path := range []string{unfinished, password} {
		if err := owner.own(path); err != nil {
			return err
		}
	}
	args := []string{"-D", unfinished, "-U", "postgres", "--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"}
	if s.throwaway {
		args = append(args, "--no-sync")
	}
	cmd := owner.command(ctx, filepath.Join(bin, "initdb"), args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("create the database: %w\n%s", err, out)
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return fmt.Errorf("keep the database: %w", err)
	}
	return nil
}

// clearStalePID removes the pid file of a server that is gone. Postgres would keep it and refuse to start when another program has got
// that process id meanwhile. A server that does run on this data, which nobody but an earlier stack can have left, is ended first.
func clearStalePID(dir string) error {
	path := filepath.Join(dir, "postmaster.pid")
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the pid of an earlier Postgres: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	if pid, err := strconv.Atoi(first); err == nil {
		if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil && sameFile(cwd, dir) {
			_ = syscall.Kill(pid, syscall.SIGQUIT) // if it is gone already, the better
			return fmt.Errorf("an earlier Postgres (process %d) is still ending", pid)
		}
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the pid of an earlier Postgres: %w", err)
	}
	return nil
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// reachable returns where the data directory can be so that its owner can reach it: dir, or, when a folder above it is closed to others
// (a clone in root's home is), a folder below /var/lib/moim that dir becomes a link to.
func (s *Stack) reachable(dir string, owner account) (string, error) {
	if owner.isSelf() {
		return dir, nil
	}
	if target, err := os.Readlink(dir); err == nil {
		return target, os.MkdirAll(filepath.Dir(target), 0o755)
	}
	open := true
	for parent := filepath.Dir(dir); parent != "/"; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return "", fmt.Errorf("look at the database's folder: %w", err)
		}
		open = open && info.Mode().Perm()&0o001 != 0
	}
	if open {
		return dir, nil
	}
	sum := sha256.Sum256([]byte(dir))
	target := filepath.Join("/var/lib/moim", hex.EncodeToString(sum[:6]), "postgres")
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", fmt.Errorf("make a folder that Postgres can reach: %w", err)
	}
	s.outside = append(s.outside, filepath.Dir(target))
	// What is there belonged to a dir that was deleted since, with its passwords.
	if err := os.RemoveAll(target); err != nil {
		return "", fmt.Errorf("remove a deleted platform's database: %w", err)
	}
	return target, os.Symlink(target, dir)
}
