package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is one program that the stack keeps running.
type process struct {
	name     string
	log      string                    // path of the file with everything it printed
	command  func() (*exec.Cmd, error) // makes the command anew for each start
	stopWith syscall.Signal            // asks it politely to end
	dieWith  syscall.Signal            // what it gets when this process dies
	ready    func(context.Context) error
	spawn    spawner
	report   func(string)

	mu      sync.Mutex
	cmd     *exec.Cmd     // the running one, or nil
	want    bool          // whether it should run
	retry   bool          // start again without waiting for the back-off
	deaths  int           // how often it ended without having been asked to, since it was last started by hand
	changed chan struct{} // closed and replaced whenever one of the above changes
	gone    chan struct{} // closed when supervise returns
}

// supervise keeps the process running whenever it should run, until ctx is done. It does not end the process.
func (p *process) supervise(ctx context.Context) {
	defer close(p.gone)
	var pause backoff
	for p.await(ctx, func() bool { return p.want }) == nil {
		started := time.Now()
		err := p.run()
		if !p.died(err) {
			pause = backoff{}
			continue
		}
		delay := pause.next(time.Since(started))
		p.report(fmt.Sprintf("%s stopped (%v); starting it again%s; its log is %s", p.name, err, in(delay), p.log))
		wait, cancel := context.WithTimeout(ctx, delay)
		_ = p.await(wait, func() bool { return p.retry || !p.want }) // an error means that the delay is over
		cancel()
	}
}

// run starts the process and waits until it has ended.
func (p *process) run() error {
	cmd, err := p.command()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // an interrupt typed on the terminal is for us alone
	cmd.SysProcAttr.Pdeathsig = p.dieWith

	p.mu.Lock()
	if !p.want {
		p.mu.Unlock()
		return nil
	}
	if err := p.spawn.start(cmd); err != nil {
		p.mu.Unlock()
		return err
	}
	p.cmd, p.retry = cmd, false
	p.notify()
	p.mu.Unlock()

	err = cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = nil
	p.notify()
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// died reports whether the end of the process was not asked for.
func (p *process) died(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.want || err == nil {
		return false
	}
	p.deaths++
	p.notify()
	return true
}

// start makes the process run, at once also when a back-off is under way.
func (p *process) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.want, p.retry, p.deaths = true, true, 0
	p.notify()
}

// stop makes the process end and stay down. When ctx is done before it has ended it is killed.
func (p *process) stop(ctx context.Context) {
	p.mu.Lock()
	p.want = false
	p.notify()
	p.mu.Unlock()
	_ = p.signal(p.stopWith) // an error means that it doesn't run
	stopped := func() bool { return p.cmd == nil }
	if p.await(ctx, stopped) != nil {
		p.report(fmt.Sprintf("%s did not stop in time and is killed; its log is %s", p.name, p.log))
		_ = p.signal(syscall.SIGKILL)
		_ = p.await(context.WithoutCancel(ctx), stopped)
	}
}

// signal sends a signal to the process; SIGKILL also to what the process started.
func (p *process) signal(signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return fmt.Errorf("%s is not running", p.name)
	}
	if signal == syscall.SIGKILL {
		return syscall.Kill(-p.cmd.Process.Pid, signal)
	}
	return p.cmd.Process.Signal(signal)
}

// pid returns the process's id, or 0 when it doesn't run.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// deathCount returns how often the process has ended unasked since it was last started by hand.
func (p *process) deathCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deaths
}

// await waits until the condition, which is evaluated under the lock, is true.
func (p *process) await(ctx context.Context, condition func() bool) error {
	for {
		p.mu.Lock()
		ok, changed := condition(), p.changed
		p.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notify wakes whoever awaits a change. Call it with the lock held.
func (p *process) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}
