package main

import (
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/stomp"
)

// closeGrace is the time a connection that is being closed has to take what is still to be written and to close its side.
const closeGrace = 5 * time.Second

// Limits of frames. A message of 4,000 characters fits the body however it is escaped.
var (
	limits        = stomp.Limits{Headers: 32, HeaderBytes: 8 << 10, Body: 64 << 10}
	connectLimits = stomp.Limits{Headers: 32, HeaderBytes: 8 << 10, Body: 0}
)

// conn is one WebSocket connection. While nothing happens it costs this struct, gorilla's, and a goroutine that waits to
// read. It is the net.Conn that gorilla reads from and writes control frames to.
type conn struct {
	net.Conn
	queue
	srv    *server
	id     uint64
	raw    syscall.RawConn // nil when there is no plain socket
	ws     *websocket.Conn
	writer *writer
	slot   int // in the registry

	started  bool          // the handshake is over
	received atomic.Uint32 // grows whenever something was read
	busy     atomic.Bool   // the reader is at work on a frame
	deadline atomic.Int64  // when the sweeper closes the socket, in ns of srv.now; 0: not
	session  atomic.Pointer[session]
	refused  atomic.Bool // a message of it was not stored
	gone     atomic.Bool
	pulse    pulse // of the sweeper

	// Of the reader.
	decoder stomp.Decoder
	bucket  bucket

	mu       sync.Mutex
	subs     []*subscription
	sends    int           // messages that are not stored yet
	sent     chan struct{} // when not nil, closed once sends is 0
	retiring bool          // nothing more is read; closed once sends is 0
}

// start begins the connection's life after the handshake.
func (c *conn) start(ws *websocket.Conn) {
	c.ws = ws
	c.started = true
	c.id = c.srv.lastConn.Add(1)
	c.writer = c.srv.writers[c.id%uint64(len(c.srv.writers))]
	c.decoder.Limits = connectLimits
	_, burst := c.srv.frames()
	c.bucket = bucket{tokens: burst, at: c.srv.now()}
	c.pulse = newPulse(c.srv.now())
	c.deadline.Store(c.srv.now() + c.srv.cfg.ConnectTimeout.Nanoseconds())
	c.srv.conns.add(c)
	metrics.connections.Inc()
}

// Read implements net.Conn: whatever comes is a sign of life.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(1)
	return n, err
}

// Write implements net.Conn: what gorilla writes after the handshake takes its turn in the queue.
func (c *conn) Write(b []byte) (int, error) {
	if !c.started {
		return c.Conn.Write(b)
	}
	c.enqueue(append([]byte(nil), b...))
	return len(b), nil
}

// SetWriteDeadline implements net.Conn: gorilla sets one for each control frame, which by now only queues.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if c.started {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// scratch is what reading a frame needs. Connections share them: an idle one holds none.
type scratch struct {
	buffer [4 << 10]byte
	frame  stomp.Frame
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// read reads until the connection ends, and then takes it out of everything.
func (c *conn) read() {
	defer c.end()
	for {
		_, message, err := c.ws.NextReader()
		if err != nil {
			return
		}
		if !c.readMessage(message) {
			return
		}
	}
}

func (c *conn) readMessage(message io.Reader) bool {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	for {
		n, err := io.ReadFull(message, s.buffer[:])
		if n > 0 {
			c.busy.Store(true)
			c.input(s, s.buffer[:n])
			c.busy.Store(false)
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return true // The end of the message; that of the connection is seen by NextReader.
		default:
			return false
		}
	}
}

// input handles the frames in b. Once the connection is being closed, what still comes is dropped.
func (c *conn) input(s *scratch, b []byte) {
	if c.deaf() {
		return
	}
	c.decoder.Write(b)
	for {
		ok, err := c.decoder.Next(&s.frame)
		if err != nil {
			p := badFrame("%s", err)
			if stomp.TooLarge(err) {
				p = problem.New(413, problem.CodeTooLarge, "%s", err)
			}
			c.fail(p, nil)
			return
		}
		if !ok {
			return
		}
		handle := c.handle
		if !isMessage(&s.frame) {
			handle = c.handleElsewhere
		}
		if err := handle(&s.frame); err != nil {
			c.fail(err, s.frame.Header("receipt"))
		}
		if c.deaf() {
			return
		}
	}
}

// handleElsewhere is handle on a goroutine of its own. What calls other services needs a deep stack, which the
// connection's goroutine, that mostly waits, would keep for long.
func (c *conn) handleElsewhere(f *stomp.Frame) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			}
		}()
		done <- c.handle(f)
	}()
	return <-done
}

// deaf says that nothing more is to be read.
func (c *conn) deaf() bool {
	c.mu.Lock()
	retiring := c.retiring
	c.mu.Unlock()
	c.qmu.Lock()
	defer c.qmu.Unlock()
	return retiring || c.closed
}

// end takes the connection out of everything when its reader has ended.
func (c *conn) end() {
	if v := recover(); v != nil {
		c.srv.log.Error("panic", "conn", c.id, "panic", v, "stack", string(debug.Stack()))
	}
	c.mu.Lock()
	subs := c.subs
	c.subs = nil
	c.retiring = true
	c.mu.Unlock()
	for _, sub := range subs {
		sub.leave()
	}
	if s := c.session.Load(); s != nil {
		c.srv.sessions.remove(s.user.Session, c)
	}
	c.readerEnded()
}

// shut closes the socket; the reader ends by that.
func (c *conn) shut() {
	if c.gone.Swap(true) {
		return
	}
	_ = c.Conn.Close()
	c.qmu.Lock()
	c.closed = true
	c.releaseWaiter()
	c.qmu.Unlock()
	c.srv.conns.remove(c)
	metrics.connections.Dec()
}

// version is the version of STOMP that was agreed on. Before that nothing is escaped: clients undo it only after CONNECTED.
func (c *conn) version() stomp.Version {
	if s := c.session.Load(); s != nil {
		return s.version
	}
	return stomp.V10
}

func (c *conn) userID() string {
	if s := c.session.Load(); s != nil {
		return s.user.ID
	}
	return ""
}
