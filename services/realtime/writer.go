package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// writeSize is how much of a queue one system call writes, when it is in several frames.
	writeSize = 64 << 10
	// busyRound is the number of connections a writer must have written to in one round to let more gather before the next.
	busyRound = 64
)

// writer writes to the connections that are its own. In each round it takes the list of those that have something to
// write and gives each one system call that never waits; what came meanwhile makes the next round. So a connection costs
// nothing while nothing is to be written to it, and the more there is to write, the more goes into one call.
type writer struct {
	index  int
	gather time.Duration
	wake   chan struct{}

	mu    sync.Mutex
	dirty []*conn

	// Of the goroutine that runs it.
	round  []*conn
	frames [][]byte
	buffer []byte
	try    func(fd uintptr) bool // w.write, made once
	bytes  []byte
	n      int
	err    error
}

func newWriter(index int, gather time.Duration) *writer {
	w := &writer{index: index, gather: gather, wake: make(chan struct{}, 1), buffer: make([]byte, 0, writeSize)}
	w.try = w.write
	return w
}

// schedule has the writer write to connections whose push said so.
func (w *writer) schedule(conns ...*conn) {
	w.mu.Lock()
	w.dirty = append(w.dirty, conns...)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for w.writeRound() {
		}
	}
}

// writeRound answers false when there was nothing to do.
func (w *writer) writeRound() bool {
	w.mu.Lock()
	w.round, w.dirty = w.dirty, w.round[:0]
	w.mu.Unlock()
	if len(w.round) == 0 {
		return false
	}
	began := time.Now()
	for _, c := range w.round {
		w.flush(c)
	}
	busy := len(w.round) >= busyRound
	clear(w.round)
	if rest := w.gather - time.Since(began); busy && rest > 0 {
		time.Sleep(rest)
	}
	return true
}

// flush writes once to c what fits.
func (w *writer) flush(c *conn) {
	w.frames = c.take(w.frames[:0], writeSize)
	if len(w.frames) == 0 {
		return
	}
	defer clear(w.frames)
	if c.raw == nil {
		c.block(0)
		go c.writeBlocking(append(net.Buffers(nil), w.frames...))
		return
	}
	w.bytes = w.frames[0]
	if len(w.frames) > 1 {
		w.buffer = w.buffer[:0]
		for _, frame := range w.frames {
			w.buffer = append(w.buffer, frame...)
		}
		w.bytes = w.buffer
	}
	total := len(w.bytes)
	if err := c.raw.Write(w.try); err != nil {
		w.err = err
	}
	w.bytes = nil
	metrics.writes.Inc()
	switch {
	case w.err == nil && w.n == total:
		if c.wrote(w.n) {
			w.schedule(c)
		}
	case w.err == nil || errors.Is(w.err, syscall.EAGAIN):
		c.block(w.n)
		go c.writeBlocking(unwritten(w.frames, w.n))
	default:
		c.shut()
	}
}

// write is one attempt; it always answers true, which says that there is no need to wait for the socket.
func (w *writer) write(fd uintptr) bool {
	for {
		w.n, w.err = syscall.Write(int(fd), w.bytes)
		if !errors.Is(w.err, syscall.EINTR) {
			w.n = max(w.n, 0)
			return true
		}
	}
}

// unwritten is what is left of frames after n bytes.
func unwritten(frames [][]byte, n int) net.Buffers {
	var left net.Buffers
	for _, frame := range frames {
		if n >= len(frame) {
			n -= len(frame)
			continue
		}
		left = append(left, frame[n:])
		n = 0
	}
	return left
}

// writeBlocking writes to a socket that takes no more at the moment, or that is none (TLS, a pipe), and waits for it. It
// ends when everything is written. The sweeper closes the socket when nothing moves for too long.
func (c *conn) writeBlocking(frames net.Buffers) {
	metrics.blocked.Inc()
	defer metrics.blocked.Dec()
	for len(frames) > 0 {
		size := int64(0)
		for _, frame := range frames {
			size += int64(len(frame))
		}
		batch := frames
		if _, err := frames.WriteTo(c.Conn); err != nil {
			c.shut()
			return
		}
		if !c.wrote(int(size)) {
			return
		}
		frames = c.take(batch[:0], writeSize)
	}
}
