package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"moim.dev/moim/services/internal/stomp"
)

func TestDrain(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	idle, busy := e.connect(t, mina), e.connect(t, mina)
	idle.subscribe(roomR, "s", -1)
	hold := make(chan struct{})
	p.set(func() { p.hold = hold })
	busy.message(roomR, "under way", "1")
	eventually(t, "the message is being stored", func() bool { return p.called("message/internal/append") == 1 })

	drained := make(chan struct{})
	go func() {
		defer close(drained)
		e.drain(context.Background())
	}()
	idle.expectError(codeDraining)
	d := websocket.Dialer{NetDialContext: e.dial}
	_, response, _ := d.Dial("ws://moim.test/ws", nil)
	if response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new connection is answered %v, want 503", response)
	}
	eventually(t, "the busy connection is to go", func() bool {
		for _, c := range e.conns.all() {
			if c.deaf() {
				return true
			}
		}
		return false
	})
	select {
	case <-drained:
		t.Fatal("drained before what was sent is stored")
	default:
	}
	close(hold)
	busy.expect(stomp.Receipt)
	busy.expectError(codeDraining)
	<-drained
}

func TestDrainIsBounded(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, mina)
	hold := make(chan struct{})
	defer close(hold)
	p.set(func() { p.hold = hold })
	c.message(roomR, "never stored", "1")
	eventually(t, "the message is being stored", func() bool { return p.called("message/internal/append") == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	e.drain(ctx)
	if n := len(e.conns.all()); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}
