package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/stomp"
)

// numbers are n messages' contents.
func numbers(n int) []string {
	contents := make([]string, n)
	for i := range contents {
		contents[i] = strconv.Itoa(i + 1)
	}
	return contents
}

func TestSubscribe(t *testing.T) {
	tests := map[string]struct {
		before int // messages in the log before anybody subscribes
		warm   int // messages after a first subscriber has come
		after  int // of the subscription; -1: live only
		want   int // its first seq
	}{
		"sends what comes from now on to who asks for no history": {before: 3, warm: 2, after: -1, want: 6},
		"sends the whole log after 0":                             {before: 3, warm: 2, after: 0, want: 1},
		"sends nothing old after the last":                        {before: 3, warm: 2, after: 5, want: 6},
		"sends what the ring has":                                 {before: 3, warm: 10, after: 5, want: 6},
		"reads the log where the ring does not reach":             {before: 3, warm: 200, after: 2, want: 3},
		"reads the log in pages":                                  {before: 1000, after: 0, want: 1},
		"starts an empty room":                                    {after: 0, want: 1},
		"starts an empty room without history":                    {after: -1, want: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlatform()
			token := p.user("mina")
			p.join("r", "mina")
			p.say("r", numbers(test.before)...)
			e := p.serve(t, testConfig())
			if test.warm > 0 {
				first := e.connect(t, token)
				first.subscribe("r", "first", -1)
				p.say("r", numbers(test.warm)...)
				first.expectMessages("first", test.before+1, test.before+test.warm)
			}
			c := e.connect(t, token)
			c.subscribe("r", "s", test.after)
			p.say("r", "live", "live too")
			c.expectMessages("s", test.want, test.before+test.warm+2)
			c.expectNothing()
		})
	}
}

func TestSubscriptionsOfOneConnection(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join("r", "mina")
	p.join("q", "mina")
	cfg := testConfig()
	cfg.MaxSubscriptions = 3
	e := p.serve(t, cfg)
	c := e.connect(t, token)
	c.subscribe("r", "r-1", -1)
	c.subscribe("q", "q-1", -1)
	c.subscribe("r", "r-2", -1)
	p.say("q", "one")
	c.expectMessages("q-1", 1, 1)
	p.say("r", "one")
	got := map[string]bool{}
	for range 2 {
		got[string(c.expect(stomp.Message).Header("subscription"))] = true
	}
	if !got["r-1"] || !got["r-2"] {
		t.Errorf("a message came to %v, want both subscriptions", got)
	}

	c.send(stomp.Unsubscribe, "", "id", "r-1", "receipt", "u")
	c.expect(stomp.Receipt)
	p.say("r", "two")
	c.expectMessages("r-2", 2, 2)
	c.expectNothing()

	c.subscribe("r", "r-3", -1)
	c.send(stomp.Subscribe, "", "id", "r-4", "destination", "/sub/chat/r")
	c.expectError(problem.CodeValidation)

	again := e.connect(t, token)
	again.subscribe("r", "r-1", -1)
	again.send(stomp.Subscribe, "", "id", "r-1", "destination", "/sub/chat/q")
	again.expectError(codeBadFrame)
}

func TestRoomsWithoutSubscribersHoldNothing(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join("r", "mina")
	p.join("q", "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, token)
	c.subscribe("r", "a", -1)
	c.subscribe("q", "b", 0)
	c.send(stomp.Unsubscribe, "", "id", "a", "receipt", "u")
	c.expect(stomp.Receipt)
	if e.hub.room("r") != nil {
		t.Error("the room is held after UNSUBSCRIBE")
	}
	c.send(stomp.Disconnect, "", "receipt", "bye")
	c.expect(stomp.Receipt)
	if c.next() != nil {
		t.Error("a frame after DISCONNECT")
	}
	_ = c.ws.Close()
	eventually(t, "the connection is forgotten", func() bool { return e.hub.room("q") == nil && len(e.conns.all()) == 0 })
	e.sessions.mu.Lock()
	defer e.sessions.mu.Unlock()
	if len(e.sessions.conns) != 0 {
		t.Error("the session is held after the connection's end")
	}
}

// A client that reads a long history slowly is waited for: never more of it is queued than its share.
func TestLongHistoryIsPaced(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join("r", "mina")
	content := strings.Repeat("x", 3000)
	for range 2000 {
		p.say("r", content)
	}
	cfg := testConfig()
	cfg.QueueBytes = 512 << 10
	e := p.servePipe(t, cfg)
	c := e.connect(t, token)
	c.subscribe("r", "s", 0)
	most := 0
	for seq := 1; seq <= 2000; seq++ {
		c.expectMessages("s", seq, seq)
		for _, conn := range e.conns.all() {
			conn.qmu.Lock()
			most = max(most, conn.size)
			conn.qmu.Unlock()
		}
	}
	if limit := cfg.QueueBytes/historyShare + writeSize + 4096; most > limit {
		t.Errorf("%d bytes were queued, want at most %d", most, limit)
	}
	p.say("r", "live")
	c.expectMessages("s", 2001, 2001)
}

func TestMemberLeaves(t *testing.T) {
	p := newPlatform()
	mina, jun := p.user("mina"), p.user("jun")
	p.join("r", "mina", "jun")
	p.join("q", "mina")
	e := p.serve(t, testConfig())
	c, other := e.connect(t, mina), e.connect(t, jun)
	c.subscribe("r", "r", -1)
	c.subscribe("q", "q", -1)
	other.subscribe("r", "r", -1)

	p.leave("r", "mina") // By HTTP, say.
	f := c.expect(stomp.Message)
	if got := fmt.Sprintf("%s %s", f.Header("subscription"), f.Header("ended")); got != "r not_a_member" {
		t.Errorf("the subscription's end is told as %q", got)
	}
	p.say("r", "not for mina")
	other.expectMessages("r", 1, 1)
	p.say("q", "for mina")
	c.expectMessages("q", 1, 1)
	c.expectNothing()

	p.join("r", "mina")
	c.subscribe("r", "r", 0)
	c.expectMessages("r", 1, 1)
	p.publish("chat.member.left", map[string]any{"roomId": "r", "userId": "mina", "version": 2}) // Told again by the broker.
	p.say("r", "for both")
	c.expectMessages("r", 2, 2)

	p.leave("r", "mina")
	c.expect(stomp.Message)
	c.send(stomp.Subscribe, "", "id", "again", "destination", "/sub/chat/r")
	c.expectError(codeNotAMember)
}

// Where the event was lost, the end of a membership is noticed when the token is renewed.
func TestMemberLeavesUnheard(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join("r", "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, mina)
	c.subscribe("r", "r", -1)
	p.set(func() { p.loseEvents = true })
	p.leave("r", "mina")
	e.members.mu.Lock()
	clear(e.members.known) // As if some time had passed.
	e.members.mu.Unlock()
	c.send(stomp.Send, "", "destination", "/pub/session/renew", "Authorization", "Bearer "+mina)
	if f := c.expect(stomp.Message); string(f.Header("ended")) != codeNotAMember {
		t.Errorf("got %s, want the subscription's end", f.Header("message-id"))
	}
}

func TestEnterAndLeave(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join("r")
	e := p.serve(t, testConfig())
	c := e.connect(t, mina)
	c.send(stomp.Send, `{"roomId":"r"}`, "destination", "/pub/chat/enter", "receipt", "in")
	c.expect(stomp.Receipt)
	c.subscribe("r", "r", -1)

	// What was sent before leaving is stored, though nobody waited for it.
	c.message("r", "bye", "m")
	c.send(stomp.Send, `{"roomId":"r"}`, "destination", "/pub/chat/leave", "receipt", "out")
	var got []string
	for range 4 {
		f := c.next()
		if f == nil {
			t.Fatal("closed")
		}
		got = append(got, f.Command+string(f.Header("receipt-id"))+string(f.Header("seq"))+string(f.Header("ended")))
	}
	want := map[string]bool{"MESSAGE1": true, "RECEIPTm": true, "RECEIPTout": true, "MESSAGEnot_a_member": true}
	for _, f := range got {
		delete(want, f)
	}
	if len(want) > 0 {
		t.Errorf("got %v, without %v", got, want)
	}
}
