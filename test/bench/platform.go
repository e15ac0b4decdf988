package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"moim.dev/moim/test/client"
	"moim.dev/moim/test/load"
	"moim.dev/moim/test/stack"
	"moim.dev/moim/test/stack/prepare"
)

// platform is a running one and its users.
type platform struct {
	stack  *stack.Stack
	client client.Client
	root   string
	stop   func()

	mu    sync.Mutex
	users []*client.Session
}

// startPlatform starts two replicas of what carries the load, without the limits that a load from one address would run into.
func startPlatform(ctx context.Context, progress func(string)) (*platform, error) {
	root, err := prepare.Root()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "moim-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the data: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // The user postgres has to be able to enter.
		return nil, fmt.Errorf("open the folder for the data: %w", err)
	}
	s, err := stack.Start(ctx, stack.Options{Root: root, Dir: dir, Progress: progress, Services: []stack.Service{
		{App: "auth", Env: map[string]string{"MOIM_SIGNUPS_PER_ADDRESS": "0", "MOIM_LOGINS_PER_ADDRESS": "0", "MOIM_SAGA_TIMEOUT": "60s"}},
		{App: "user"},
		{App: "customer"},
		{App: "chat"},
		{App: "message", Replicas: 2},
		{App: "realtime", Replicas: 2, Env: map[string]string{"MOIM_FRAME_RATE": "10000", "MOIM_FRAME_BURST": "10000"}},
		{App: "gateway", Env: map[string]string{"MOIM_WEB_DIR": "", "MOIM_RATE_PER_USER": "0", "MOIM_RATE_PER_ADDRESS": "0"}},
	}})
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return &platform{stack: s, client: client.Client{Base: s.URL()}, root: root, stop: sync.OnceFunc(func() {
		s.Stop(context.WithoutCancel(ctx))
		_ = os.RemoveAll(dir)
	})}, nil
}

// user returns a session of the user with this number, who signs up when it is the first time.
func (p *platform) user(ctx context.Context, i int) (*client.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.users) <= i {
		u, err := p.client.New(ctx, fmt.Sprintf("loader%d", len(p.users)))
		if err != nil {
			return nil, err
		}
		p.users = append(p.users, u)
	}
	return p.users[i], nil
}

// realtime is where a connection goes: by turns to each replica.
func (p *platform) realtime(i int) string {
	return p.stack.Addr(fmt.Sprintf("realtime-%d", i%2))
}

// usage measures realtime alone, and everything that the stack runs.
func (p *platform) usage() (used [2]load.Usage, err error) {
	var all, realtime []int
	for _, name := range p.stack.Names() {
		all = append(all, p.stack.PID(name))
		if strings.HasPrefix(name, "realtime-") && !strings.HasSuffix(name, "/daprd") {
			realtime = append(realtime, p.stack.PID(name))
		}
	}
	if used[0], err = load.Processes(realtime...); err != nil {
		return used, err
	}
	used[1], err = load.Processes(all...)
	return used, err
}

// connect opens n connections, several at once, each of which sends a first frame and awaits its receipt.
func connect(ctx context.Context, n int, endpoint func(i int) load.Endpoint, first func(i int) []byte) ([]*load.Conn, error) {
	conns := make([]*load.Conn, n)
	var group errgroup.Group
	group.SetLimit(64)
	for i := range n {
		group.Go(func() (err error) {
			if conns[i], err = load.Dial(ctx, endpoint(i)); err != nil {
				return err
			}
			return conns[i].Do(first(i))
		})
	}
	if err := group.Wait(); err != nil {
		closeAll(conns)
		return nil, err
	}
	return conns, nil
}

func closeAll(conns []*load.Conn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}

// subscribe is the frame that subscribes to a room's live messages.
func subscribe(room string) []byte {
	return load.Frame("SUBSCRIBE", "", "destination", "/sub/chat/"+room, "id", "0", "receipt", "done")
}

// send is the frame of a message, whose receipt says the same as its content where one is asked for.
func send(room string, m load.Marker, receipt bool) []byte {
	marker := string(m.Append(nil))
	headers := []string{"destination", "/pub/chat/message"}
	if receipt {
		headers = append(headers, "receipt", marker)
	}
	return load.Frame("SEND", body(room, marker), headers...)
}

// padding makes a message as long as a sentence is.
const padding = "The quick brown fox jumps over the lazy dog."

func body(room, marker string) string {
	return `{"roomId":"` + room + `","content":"` + marker + " " + padding + `"}`
}
