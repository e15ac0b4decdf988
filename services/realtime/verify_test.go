package main

import (
	"testing"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
	"moim.dev/moim/services/internal/stomp"
)

// What ended while no events came is noticed once they come again, also if those who know must be waited for.
func TestEndsUnheard(t *testing.T) {
	p := newPlatform()
	mina, jun, yuna := p.user("mina"), p.user("jun"), p.user("yuna")
	p.join(roomR, "mina", "jun", "yuna")
	e := p.serve(t, testConfig())
	loggedOut, left, stays := e.connect(t, mina), e.connect(t, jun), e.connect(t, yuna)
	e.open(t, nil) // Who has not said who it is.
	for _, c := range []*client{loggedOut, left, stays} {
		c.subscribe(roomR, "r", -1)
	}
	questions := 0
	p.set(func() {
		p.loseEvents = true
		delete(p.tokens, mina)
		p.refuse = func(string) bool {
			questions++
			return questions <= 3
		}
	})
	p.leave(roomR, "jun")

	e.verifyNow(t.Context())
	loggedOut.expectError(problem.CodeUnauthenticated)
	if f := left.expect(stomp.Message); string(f.Header("ended")) != rooms.ErrNotAMember.Code {
		t.Errorf("got %s, want the subscription's end", f.Header("message-id"))
	}
	p.set(func() { p.loseEvents = false })
	p.say(roomR, "for who stays")
	stays.expectMessages("r", 1, 1)
	left.expectNothing()
}
