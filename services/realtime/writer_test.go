package main

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"moim.dev/moim/services/internal/stomp"
)

// A client that stops reading is told and cut off; the others in its room notice nothing.
func TestSlowConsumer(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	cfg := testConfig()
	cfg.QueueBytes = 256 << 10
	e := p.serve(t, cfg)
	slow, quick := e.connect(t, token), e.connect(t, token)
	slow.subscribe(roomR, "s", -1)
	quick.subscribe(roomR, "s", -1)
	content := strings.Repeat("x", 4000)
	cut := func() bool {
		for _, c := range e.conns.all() {
			c.qmu.Lock()
			closed := c.closed
			c.qmu.Unlock()
			if closed {
				return true
			}
		}
		return false
	}
	sent := 0
	for ; !cut(); sent++ {
		if sent > 10_000 {
			t.Fatal("the slow client is not cut off")
		}
		p.say(roomR, content)
		quick.expectMessages("s", sent+1, sent+1)
	}
	for seq := 1; ; seq++ {
		f := slow.next()
		if f == nil {
			t.Fatal("closed without an ERROR")
		}
		if f.Command == stomp.Error {
			if got := string(f.Header("code")); got != codeSlowConsumer {
				t.Errorf("ERROR %s, want %s", got, codeSlowConsumer)
			}
			break
		}
		slow.frames = append(slow.frames, f)
		slow.expectMessages("s", seq, seq) // What it is sent before has no gap.
	}
	if slow.next() != nil {
		t.Error("a frame after ERROR")
	}

	again := e.connect(t, token)
	again.subscribe(roomR, "s", sent/2)
	again.expectMessages("s", sent/2+1, sent)
}

// A client that takes nothing at all of a queue that is not full is cut off after the stall time.
func TestStalledConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		token := p.user("mina")
		p.join(roomR, "mina")
		e := p.servePipe(t, testConfig())
		c := e.connect(t, token)
		c.subscribe(roomR, "s", -1)
		p.say(roomR, "nobody reads this")
		began := time.Now()
		for len(e.conns.all()) > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		if took, want := time.Since(began), e.cfg.StallTimeout+closeGrace; took < want || took > want+2*time.Second {
			t.Errorf("closed after %s, want %s", took, want)
		}
	})
}

// A client that takes a little all the time is not stalled, though its socket is full for long.
func TestTricklingConsumer(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	cfg := testConfig()
	cfg.QueueBytes, cfg.StallTimeout = 64<<20, 2*time.Second
	e := p.serve(t, cfg)
	c := e.connect(t, token)
	if err := c.ws.NetConn().(*net.TCPConn).SetReadBuffer(16 << 10); err != nil { // What it acknowledges is what it has read.
		t.Fatal(err)
	}
	c.subscribe(roomR, "s", -1)
	p.say(roomR, slices.Repeat([]string{strings.Repeat("x", 4000)}, 1500)...) // More than the kernel holds.
	socket, buffer := c.ws.NetConn(), make([]byte, 4<<10)
	closed := func() bool {
		for _, conn := range e.conns.all() {
			conn.qmu.Lock()
			defer conn.qmu.Unlock()
			return conn.closed
		}
		return true
	}
	for began := time.Now(); time.Since(began) < 2*cfg.StallTimeout; time.Sleep(20 * time.Millisecond) {
		if _, err := socket.Read(buffer); err != nil {
			t.Fatal(err)
		}
		if closed() {
			t.Fatalf("cut off after %s", time.Since(began))
		}
	}
	eventually(t, "it is cut off when it takes nothing any more", closed)
}

// A busy client whose socket is full now and then misses nothing and sees all in order.
func TestBlockedSocket(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	cfg := testConfig()
	cfg.QueueBytes = 64 << 20
	e := p.serve(t, cfg)
	c := e.connect(t, token)
	c.subscribe(roomR, "s", -1)
	content := strings.Repeat("x", 4000)
	full := false
	const messages = 3000
	for range messages {
		p.say(roomR, content)
		for _, conn := range e.conns.all() {
			conn.qmu.Lock()
			full = full || conn.state == blocked
			conn.qmu.Unlock()
		}
	}
	c.expectMessages("s", 1, messages)
	c.expectNothing()
	if !full {
		t.Error("the socket was never full: this test tests nothing")
	}
	for _, conn := range e.conns.all() {
		eventually(t, "the queue is empty and accounts for nothing", func() bool {
			conn.qmu.Lock()
			defer conn.qmu.Unlock()
			return conn.size == 0 && conn.state == idle && len(conn.frames) == 0
		})
	}
}

func TestUnwritten(t *testing.T) {
	frames := [][]byte{[]byte("abc"), []byte("de"), []byte("f")}
	for n, want := range []string{"abc de f", "bc de f", "c de f", "de f", "e f", "f", ""} {
		if diff := cmp.Diff(want, string(bytes.Join(unwritten(frames, n), []byte(" ")))); diff != "" {
			t.Errorf("after %d bytes (-want +got):\n%s", n, diff)
		}
	}
}

func TestTextHeader(t *testing.T) {
	for n, want := range map[int][]byte{
		0: {0x81, 0}, 125: {0x81, 125}, 126: {0x81, 126, 0, 126}, 0xffff: {0x81, 126, 0xff, 0xff},
		0x10000: {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0},
	} {
		if diff := cmp.Diff(want, appendTextHeader(nil, n)); diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", n, diff)
		}
	}
}
