package main

import (
	"testing"
	"time"
)

func TestSilence(t *testing.T) {
	s := &silence{}
	for i, step := range []struct {
		events, repairs int64
		silent          bool
	}{
		{0, 0, false},                // Nobody says anything.
		{3, 0, false}, {3, 1, false}, // One event was lost, or is late;
		{4, 1, false}, {4, 2, false}, // they go on coming.
		{4, 2, false},               // Nothing was said meanwhile.
		{4, 3, true},                // The second time, and no event since.
		{4, 4, false}, {4, 5, true}, // Still.
		{5, 5, false}, {5, 5, false},
	} {
		s.events.Store(step.events)
		s.repairs.Store(step.repairs)
		if got := s.look(); got != step.silent {
			t.Errorf("step %d: %t, want %t", i, got, step.silent)
		}
	}
}

func TestSilenceWhileClientsSend(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	cfg := testConfig()
	cfg.HeadsInterval = time.Hour
	e := p.serve(t, cfg)
	c := e.connect(t, mina)
	c.subscribe(roomR, "s", -1)
	p.set(func() { p.loseEvents = true })
	for i := range 2 {
		if e.hub.silence.look() {
			t.Fatalf("silent after %d intervals", i)
		}
		p.say(roomR, "by another replica")
		c.message(roomR, "by this one", "")
		c.expectMessages("s", 2*i+1, 2*i+2)
	}
	if !e.hub.silence.look() {
		t.Error("what its own clients send makes a replica believe that events come")
	}
}
