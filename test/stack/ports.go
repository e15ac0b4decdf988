package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from blocks below the range that Linux gives to outgoing connections (32768 and up): a port from there could be
// somebody's outgoing connection while the program it belongs to restarts.
const (
	firstPort  = 10_000
	lastPort   = 32_000
	portsBlock = 200
)

// ports hands out the ports of one block. Listening on the block's first port keeps other stacks of this machine out of it, until this
// process ends.
type ports struct {
	guard net.Listener
	next  int
	end   int
}

func newPorts() (*ports, error) {
	blocks := (lastPort - firstPort) / portsBlock
	for _, block := range rand.Perm(blocks) {
		first := firstPort + block*portsBlock
		guard, err := listen(first)
		if err == nil {
			return &ports{guard: guard, next: first + 1, end: first + portsBlock}, nil
		}
	}
	return nil, fmt.Errorf("no free ports between %d and %d on 127.0.0.1", firstPort, lastPort)
}

// take returns a port that nobody listens on, and never the same twice.
func (p *ports) take() (int, error) {
	for p.next < p.end {
		port := p.next
		p.next++
		if l, err := listen(port); err == nil {
			l.Close()
			return port, nil
		}
	}
	return 0, errors.New("the stack needs more ports than its block has")
}

func (p *ports) close() { p.guard.Close() }

func listen(port int) (net.Listener, error) { return net.Listen("tcp", address(port)) }

// address is where programs of the stack listen: never anywhere but on this machine.
func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
