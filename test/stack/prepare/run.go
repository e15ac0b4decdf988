package prepare

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// run runs cmd and says every 15 seconds that it is still at it. An error has the end of what the command printed.
func run(cmd *exec.Cmd, what string, progress func(string)) error {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	progress(what)

	started := time.Now()
	done := make(chan error, 1)
	go func() { done <- cmd.Run() }()
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", what, err, tail(output.String(), 80))
			}
			return nil
		case <-tick.C:
			progress(fmt.Sprintf("%s: %s so far", what, time.Since(started).Round(time.Second)))
		}
	}
}

// tail returns the last lines of text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// lockFile waits until no other process holds the lock of that name. The system gives it back when this process ends, however it ends.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock %s: %w", path, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("take the lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
