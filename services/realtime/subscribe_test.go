package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
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
			p.join(roomR, "mina")
			p.say(roomR, numbers(test.before)...)
			e := p.serve(t, testConfig())
			if test.warm > 0 {
				first := e.connect(t, token)
				first.subscribe(roomR, "first", -1)
				p.say(roomR, numbers(test.warm)...)
				first.expectMessages("first", test.before+1, test.before+test.warm)
			}
			c := e.connect(t, token)
			c.subscribe(roomR, "s", test.after)
			p.say(roomR, "live", "live too")
			c.expectMessages("s", test.want, test.before+test.warm+2)
			c.expectNothing()
		})
	}
}

func TestSubscriptionsOfOneConnection(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	p.join(roomQ, "mina")
	cfg := testConfig()
	cfg.MaxSubscriptions = 3
	e := p.serve(t, cfg)
	c := e.connect(t, token)
	c.subscribe(roomR, "r-1", -1)
	c.subscribe(roomQ, "q-1", -1)
	c.subscribe(roomR, "r-2", -1)
	p.say(roomQ, "one")
	c.expectMessages("q-1", 1, 1)
	p.say(roomR, "one")
	got := map[string]bool{}
	for range 2 {
		got[string(c.expect(stomp.Message).Header("subscription"))] = true
	}
	if !got["r-1"] || !got["r-2"] {
		t.Errorf("a message came to %v, want both subscriptions", got)
	}

	c.send(stomp.Unsubscribe, "", "id", "r-1", "receipt", "u")
	c.expect(stomp.Receipt)
	p.say(roomR, "two")
	c.expectMessages("r-2", 2, 2)
	c.expectNothing()

	c.subscribe(roomR, "r-3", -1)
	c.send(stomp.Subscribe, "", "id", "r-4", "destination", "/sub/chat/"+roomR)
	c.expectError(problem.CodeValidation)

	again := e.connect(t, token)
	again.subscribe(roomR, "r-1", -1)
	again.send(stomp.Subscribe, "", "id", "r-1", "destination", "/sub/chat/"+roomQ)
	again.expectError(codeBadFrame)
}

func TestRoomsWithoutSubscribersHoldNothing(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	p.join(roomQ, "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, token)
	c.subscribe(roomR, "a", -1)
	c.subscribe(roomQ, "b", 0)
	c.send(stomp.Unsubscribe, "", "id", "a", "receipt", "u")
	c.expect(stomp.Receipt)
	if e.hub.room(roomR) != nil {
		t.Error("the room is held after UNSUBSCRIBE")
	}
	c.send(stomp.Disconnect, "", "receipt", "bye")
	c.expect(stomp.Receipt)
	if c.next() != nil {
		t.Error("a frame after DISCONNECT")
	}
	_ = c.ws.Close()
	eventually(t, "the connection is forgotten", func() bool { return e.hub.room(roomQ) == nil && len(e.conns.all()) == 0 })
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
	p.join(roomR, "mina")
	content := strings.Repeat("x", 3000)
	for range 2000 {
		p.say(roomR, content)
	}
	cfg := testConfig()
	cfg.QueueBytes = 512 << 10
	e := p.servePipe(t, cfg)
	c := e.connect(t, token)
	c.subscribe(roomR, "s", 0)
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
	p.say(roomR, "live")
	c.expectMessages("s", 2001, 2001)
}

// A client that comes back to many rooms is sent the history of all within the same share, from the log and from the rings.
func TestHistoryOfManyRoomsIsPaced(t *testing.T) {
	for name, count := range map[string]int{"which is in the log": 200, "which is in the rings": 50} {
		t.Run(name, func(t *testing.T) {
			const rooms = 20
			p := newPlatform()
			token := p.user("mina")
			cfg := testConfig()
			cfg.QueueBytes = 256 << 10
			e := p.servePipe(t, cfg)
			first := e.connect(t, token)
			content := strings.Repeat("x", 500)
			ids := make([]string, rooms)
			for i := range ids {
				ids[i] = fmt.Sprintf("0192f0c1-0000-7000-8000-0000000001%02d", i)
				p.join(ids[i], "mina")
				first.subscribe(ids[i], fmt.Sprint(i), -1)
				for seq := range count {
					p.say(ids[i], content)
					first.expectMessages(fmt.Sprint(i), seq+1, seq+1)
				}
			}
			c := e.connect(t, token)
			for i, id := range ids {
				c.send(stomp.Subscribe, "", "id", fmt.Sprint(i), "destination", "/sub/chat/"+id, "after", "0")
			}
			seen, most := map[string]int{}, 0
			for range rooms * count {
				f := c.expect(stomp.Message)
				id := string(f.Header("subscription"))
				if seen[id]++; string(f.Header("seq")) != fmt.Sprint(seen[id]) {
					t.Fatalf("subscription %s: message %s, want %d", id, f.Header("seq"), seen[id])
				}
				for _, conn := range e.conns.all() {
					conn.qmu.Lock()
					most = max(most, conn.size)
					conn.qmu.Unlock()
				}
			}
			if limit := cfg.QueueBytes / historyShare * 3 / 2; most > limit {
				t.Errorf("%d bytes were queued, want at most %d", most, limit)
			}
		})
	}
}

func TestMemberLeaves(t *testing.T) {
	p := newPlatform()
	mina, jun := p.user("mina"), p.user("jun")
	p.join(roomR, "mina", "jun")
	p.join(roomQ, "mina")
	e := p.serve(t, testConfig())
	c, other := e.connect(t, mina), e.connect(t, jun)
	c.subscribe(roomR, "r", -1)
	c.subscribe(roomQ, "q", -1)
	other.subscribe(roomR, "r", -1)

	p.leave(roomR, "mina") // By HTTP, say.
	f := c.expect(stomp.Message)
	if got := fmt.Sprintf("%s %s", f.Header("subscription"), f.Header("ended")); got != "r not_a_member" {
		t.Errorf("the subscription's end is told as %q", got)
	}
	p.say(roomR, "not for mina")
	other.expectMessages("r", 1, 1)
	p.say(roomQ, "for mina")
	c.expectMessages("q", 1, 1)
	c.expectNothing()

	p.join(roomR, "mina")
	c.subscribe(roomR, "r", 0)
	c.expectMessages("r", 1, 1)
	p.publish("chat.member.left", map[string]any{"roomId": roomR, "userId": "mina", "version": 2}) // Told again by the broker.
	p.say(roomR, "for both")
	c.expectMessages("r", 2, 2)

	p.leave(roomR, "mina")
	c.expect(stomp.Message)
	c.send(stomp.Subscribe, "", "id", "again", "destination", "/sub/chat/"+roomR)
	c.expectError(rooms.ErrNotAMember.Code)
}

// Where the event was lost, the end of a membership is noticed when the token is renewed.
func TestMemberLeavesUnheard(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, mina)
	c.subscribe(roomR, "r", -1)
	p.set(func() { p.loseEvents = true })
	p.leave(roomR, "mina")
	e.members.mu.Lock()
	clear(e.members.known) // As if some time had passed.
	e.members.mu.Unlock()
	c.send(stomp.Send, "", "destination", "/pub/session/renew", "Authorization", "Bearer "+mina)
	if f := c.expect(stomp.Message); string(f.Header("ended")) != rooms.ErrNotAMember.Code {
		t.Errorf("got %s, want the subscription's end", f.Header("message-id"))
	}
}

func TestEnterAndLeave(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR)
	e := p.serve(t, testConfig())
	c := e.connect(t, mina)
	c.send(stomp.Send, `{"roomId":"`+roomR+`"}`, "destination", "/pub/chat/enter", "receipt", "in")
	c.expect(stomp.Receipt)
	c.subscribe(roomR, "r", -1)

	// What was sent before leaving is stored, though nobody waited for it.
	c.message(roomR, "bye", "m")
	c.send(stomp.Send, `{"roomId":"`+roomR+`"}`, "destination", "/pub/chat/leave", "receipt", "out")
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
