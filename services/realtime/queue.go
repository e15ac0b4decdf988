package main

import (
	"sync"

	"github.com/gorilla/websocket"
)

// queue is what is to be written to one connection: slices that it shares with other connections and never changes. It is
// embedded in conn; everything in it is guarded by its mutex.
type queue struct {
	qmu     sync.Mutex
	frames  [][]byte
	size    int    // bytes in frames and in the hands of a writer
	written uint32 // grows whenever something was written
	state   queueState
	// closed: nothing more is taken. When all is written, the socket's writing side is closed, or, when its reader has
	// ended too, the socket.
	closed, unread bool
	// drained, when not nil, is closed once there is room for history.
	drained chan struct{}
}

type queueState uint8

const (
	idle      queueState = iota // nothing to write
	scheduled                   // a writer has it, or has it on its list
	blocked                     // the socket takes no more; a goroutine waits for it
)

// historyShare is the part of the queue, one over this, that the history of all subscriptions together may fill.
const historyShare = 4

// historyRoom is how many bytes of history may be added at once, while no more than that waits to be written.
func (c *conn) historyRoom() int { return c.srv.cfg.QueueBytes / historyShare / 2 }

// push adds a frame, and says whether the caller must have the connection scheduled.
func (c *conn) push(frame []byte) (schedule bool) {
	c.qmu.Lock()
	defer c.qmu.Unlock()
	return c.add(frame)
}

// add is push for who holds qmu.
func (c *conn) add(frame []byte) (schedule bool) {
	if c.closed {
		return false
	}
	full := c.size > 0 && c.size+len(frame) > c.srv.cfg.QueueBytes
	c.frames = append(c.frames, frame)
	c.size += len(frame)
	if full {
		metrics.cutOffs.WithLabelValues(errSlowConsumer.Code).Inc()
		c.replace(c.errorFrame(errSlowConsumer, nil), closeFrame(websocket.ClosePolicyViolation))
		c.deadline.Store(c.srv.now() + closeGrace.Nanoseconds())
	}
	return c.wake()
}

// enqueue is push for a single connection.
func (c *conn) enqueue(frame []byte) {
	if c.push(frame) {
		c.writer.schedule(c)
	}
}

// offer is enqueue for history. It answers false when there is no room for it at the moment.
func (c *conn) offer(frames []byte) bool {
	c.qmu.Lock()
	room := c.hasRoom()
	schedule := room && c.add(frames)
	c.qmu.Unlock()
	if schedule {
		c.writer.schedule(c)
	}
	return room
}

// hasRoom says whether history may be added. The caller holds qmu.
func (c *conn) hasRoom() bool { return c.size <= c.historyRoom() }

// finish has the last frames written, instead of what is queued if discard is set, and the connection closed. It answers
// false when that was under way already.
func (c *conn) finish(discard bool, last ...[]byte) bool {
	c.qmu.Lock()
	if c.closed {
		c.qmu.Unlock()
		return false
	}
	if discard {
		c.replace(last...)
	} else {
		for _, frame := range last {
			c.frames = append(c.frames, frame)
			c.size += len(frame)
		}
		c.closed = true
	}
	schedule := c.wake()
	c.qmu.Unlock()
	c.deadline.Store(c.srv.now() + closeGrace.Nanoseconds())
	if schedule {
		c.writer.schedule(c)
	}
	return true
}

// connected takes away the time that CONNECT had, unless the connection is being closed: that has a time of its own.
func (c *conn) connected() {
	c.qmu.Lock()
	defer c.qmu.Unlock()
	if !c.closed {
		c.deadline.Store(0)
	}
}

// replace throws away what no writer has taken yet, and makes last the end. The caller holds qmu.
func (c *conn) replace(last ...[]byte) {
	for _, frame := range c.frames {
		c.size -= len(frame)
	}
	clear(c.frames)
	c.frames = append(c.frames[:0], last...)
	for _, frame := range last {
		c.size += len(frame)
	}
	c.closed = true
	c.releaseWaiter()
}

// wake marks the queue as scheduled if nobody is at it. The caller holds qmu.
func (c *conn) wake() bool {
	if c.state != idle {
		return false
	}
	c.state = scheduled
	return true
}

// readerEnded closes the socket, at once if nothing is left to write.
func (c *conn) readerEnded() {
	c.qmu.Lock()
	c.closed, c.unread = true, true
	c.releaseWaiter()
	now := c.state == idle
	c.qmu.Unlock()
	c.deadline.Store(c.srv.now() + closeGrace.Nanoseconds())
	if now {
		c.shut()
	}
}

// take moves frames to a writer, together at most max bytes unless the first alone has more. It leaves a queue in which
// there are none idle, and closes what was to be closed then.
func (c *conn) take(into [][]byte, limit int) [][]byte {
	c.qmu.Lock()
	defer c.qmu.Unlock()
	n, size := 0, 0
	for n < len(c.frames) && (n == 0 || size+len(c.frames[n]) <= limit) {
		size += len(c.frames[n])
		n++
	}
	into = append(into, c.frames[:n]...)
	rest := copy(c.frames, c.frames[n:])
	clear(c.frames[rest:])
	c.frames = c.frames[:rest]
	if n == 0 {
		c.rest()
	}
	return into
}

// wrote accounts for n bytes that the socket has taken, and says whether there is more to write.
func (c *conn) wrote(n int) (more bool) {
	c.qmu.Lock()
	defer c.qmu.Unlock()
	c.size -= n
	c.written++
	if c.hasRoom() {
		c.releaseWaiter()
	}
	if len(c.frames) > 0 {
		return true
	}
	c.rest()
	return false
}

// block says that the socket has taken n bytes and a goroutine waits for it to take more.
func (c *conn) block(n int) {
	c.qmu.Lock()
	c.state = blocked
	c.size -= n
	c.qmu.Unlock()
}

// idleQueue is the number of frames that a queue keeps room for when it is empty.
const idleQueue = 4

// rest makes the queue idle. The caller holds qmu.
func (c *conn) rest() {
	c.state = idle
	if cap(c.frames) > idleQueue {
		c.frames = nil
	}
	if !c.closed {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && !c.unread {
		_ = half.CloseWrite() // The reader sees what comes of it.
		return
	}
	go c.shut() // It takes other locks.
}

// awaitRoom waits until there is room for history. It answers false when the connection is closed.
func (c *conn) awaitRoom() bool {
	c.qmu.Lock()
	if c.closed || c.hasRoom() {
		defer c.qmu.Unlock()
		return !c.closed
	}
	if c.drained == nil {
		c.drained = make(chan struct{})
	}
	drained := c.drained
	c.qmu.Unlock()
	<-drained
	c.qmu.Lock()
	defer c.qmu.Unlock()
	return !c.closed
}

// releaseWaiter ends awaitRoom. The caller holds qmu.
func (c *conn) releaseWaiter() {
	if c.drained != nil {
		close(c.drained)
		c.drained = nil
	}
}
