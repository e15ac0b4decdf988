package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
	"moim.dev/moim/services/internal/stomp"
	"moim.dev/moim/services/internal/token"
)

// What is sent while a batch is being stored makes the next one, in order.
func TestGroupCommit(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, mina)
	hold := make(chan struct{})
	p.set(func() { p.hold = hold })
	c.message(roomR, "0", "0")
	eventually(t, "the first is being stored", func() bool { return p.called("message/internal/append") == 1 })
	for i := range 99 {
		c.message(roomR, fmt.Sprint(i+1), fmt.Sprint(i+1))
	}
	eventually(t, "all messages wait", func() bool { return e.sending() == 100 })
	c.expectNothing() // No receipt before the commit.
	close(hold)
	for i := range 100 {
		if f := c.expect(stomp.Receipt); string(f.Header("receipt-id")) != fmt.Sprint(i) {
			t.Fatalf("receipt %s, want %d", f.Header("receipt-id"), i)
		}
	}
	if want := []int{1, 99}; !slices.Equal(p.batches, want) {
		t.Errorf("stored in batches of %v, want %v", p.batches, want)
	}
	for i, body := range p.rooms[roomR] {
		var m stored
		if err := json.Unmarshal(body, &m); err != nil || m.Content != fmt.Sprint(i) {
			t.Fatalf("message %d is %q (%v)", i, m.Content, err)
		}
	}
}

// What one member sends together is stored in calls that get through, however it is escaped, and holds nobody up.
func TestBatchIsBoundedAsEncoded(t *testing.T) {
	p := newPlatform()
	mina, jun := p.user("mina"), p.user("jun")
	p.join(roomR, "mina", "jun")
	cfg := testConfig()
	cfg.Lanes = 1
	e := p.serve(t, cfg)
	c, other := e.connect(t, mina), e.connect(t, jun)
	hold := make(chan struct{})
	p.set(func() { p.hold = hold })
	const messages = 250
	for i := range messages {
		c.message(roomR, strings.Repeat("<", 4000), fmt.Sprint(i))
	}
	eventually(t, "all messages wait", func() bool { return e.sending() == messages })
	close(hold)
	other.message(roomR, "hello", "1")
	other.expect(stomp.Receipt)
	for range messages {
		c.expect(stomp.Receipt)
	}
}

// An append whose answer is lost is tried again with the same keys, also of messages that came without one.
func TestAppendIsRetried(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, mina)
	p.set(func() { p.failAppends = 3 })
	for i := range 10 {
		c.message(roomR, fmt.Sprint(i), fmt.Sprint(i))
	}
	for range 10 {
		c.expect(stomp.Receipt)
	}
	if n := len(p.rooms[roomR]); n != 10 {
		t.Errorf("%d messages are stored, want 10", n)
	}
}

func TestAppendFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		mina := p.user("mina")
		p.join(roomR, "mina")
		e := p.servePipe(t, testConfig())
		c := e.connect(t, mina)
		c.patience = time.Hour
		p.set(func() { p.refuse = func(path string) bool { return path == "message/internal/append" } })
		c.message(roomR, "x", "1")
		began := time.Now()
		if f := c.expectError(problem.CodeUnavailable); string(f.Header("receipt-id")) != "1" {
			t.Errorf("receipt-id %q, want 1", f.Header("receipt-id"))
		}
		if took := time.Since(began); took < 15*time.Second || took > 17*time.Second {
			t.Errorf("refused after %s, want 15 s", took)
		}
	})
}

// A refusal is the refused sender's alone, and what others sent in the same batch is stored.
func TestRefusalInABatch(t *testing.T) {
	p := newPlatform()
	mina, jun := p.user("mina"), p.user("jun")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	member, stranger := e.connect(t, mina), e.connect(t, jun)
	hold := make(chan struct{})
	p.set(func() { p.hold = hold })
	member.message(roomR, "1", "1")
	stranger.message(roomR, "no", "no")
	member.message(roomR, "2", "2")
	eventually(t, "all messages wait", func() bool { return e.sending() == 3 })
	close(hold)
	member.expect(stomp.Receipt)
	member.expect(stomp.Receipt)
	if f := stranger.expectError(rooms.ErrNotAMember.Code); string(f.Header("receipt-id")) != "no" {
		t.Errorf("receipt-id %q, want no", f.Header("receipt-id"))
	}
}

// The end of one session of a user is not that of another, also in one batch.
func TestSessionsOfOneUserInABatch(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	p.set(func() {
		p.tokens["token-laptop"] = token.User{ID: "mina", Session: "laptop", Expires: time.Now().Add(time.Hour)}
	})
	e := p.serve(t, testConfig())
	phone, laptop := e.connect(t, mina), e.connect(t, "token-laptop")
	hold := make(chan struct{})
	p.set(func() { p.hold = hold })
	phone.message(roomR, "being stored", "0")
	eventually(t, "the first is being stored", func() bool { return p.called("message/internal/append") == 1 })
	for i := range 3 {
		phone.message(roomR, fmt.Sprint("phone ", i), fmt.Sprint(i+1))
		laptop.message(roomR, fmt.Sprint("laptop ", i), "")
		eventually(t, "both wait", func() bool { return e.sending() == 1+2*(i+1) })
	}
	p.set(func() { delete(p.tokens, "token-laptop") })
	close(hold)
	for range 4 {
		phone.expect(stomp.Receipt)
	}
	laptop.expectError(problem.CodeUnauthenticated)
}

func TestLaneIsBounded(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, mina)
	hold := make(chan struct{})
	p.set(func() { p.hold = hold })
	defer close(hold)
	l := e.lane(roomR)
	l.mu.Lock()
	l.bytes = laneBytes - itemOverhead*3/2
	l.mu.Unlock()
	c.message(roomR, "x", "1")
	c.message(roomR, "x", "2")
	if f := c.expectError(problem.CodeUnavailable); string(f.Header("receipt-id")) != "2" {
		t.Errorf("receipt-id %q, want 2", f.Header("receipt-id"))
	}
}

// What can't be decided about for a while is tried again, and stored in the order in which it was sent. Nobody else waits for it.
func TestUndecidedMessages(t *testing.T) {
	p := newPlatform()
	mina, jun := p.user("mina"), p.user("jun")
	p.join(roomR, "mina", "jun")
	cfg := testConfig()
	cfg.Lanes = 1
	e := p.serve(t, cfg)
	c, other := e.connect(t, mina), e.connect(t, jun)
	p.set(func() { p.undecided = func(sender string) bool { return sender == "mina" } })
	for i := range 5 {
		c.message(roomR, fmt.Sprint("mina ", i), fmt.Sprint(i))
		other.message(roomR, fmt.Sprint("jun ", i), fmt.Sprint(i))
		other.expect(stomp.Receipt)
	}
	p.set(func() { p.undecided = nil })
	for i := range 20 {
		if i >= 5 {
			c.message(roomR, fmt.Sprint("mina ", i), fmt.Sprint(i))
		}
		if f := c.expect(stomp.Receipt); string(f.Header("receipt-id")) != fmt.Sprint(i) {
			t.Fatalf("receipt %s, want %d", f.Header("receipt-id"), i)
		}
	}
	if diff := cmp.Diff(append(numbered("jun", 5), numbered("mina", 20)...), p.contents(t, roomR)); diff != "" {
		t.Error(diff)
	}
	for _, l := range []*lane{e.lanes[0], e.lanes[0].undecided} {
		eventually(t, "the books are empty", func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.bytes == 0 && len(l.senders) == 0 && len(l.queue) == 0 && !l.running
		})
	}
}

func TestUndecidedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		mina := p.user("mina")
		p.join(roomR, "mina")
		e := p.servePipe(t, testConfig())
		c := e.connect(t, mina)
		c.patience = time.Hour
		p.set(func() { p.undecided = func(string) bool { return true } })
		c.message(roomR, "x", "1")
		began := time.Now()
		c.expectError(problem.CodeUnavailable)
		if took := time.Since(began); took < 15*time.Second || took > 17*time.Second {
			t.Errorf("refused after %s, want 15 s", took)
		}
	})
}

// Once a message was refused, what its connection sent after it is not stored: the client sends all of it again, in order.
func TestNothingIsStoredAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		mina := p.user("mina")
		p.join(roomR, "mina")
		e := p.servePipe(t, testConfig())
		c := e.connect(t, mina)
		c.patience = time.Hour
		p.set(func() { p.refuse = func(path string) bool { return path == "message/internal/append" } })
		c.message(roomR, "1", "1", "idempotency-key", "1")
		time.Sleep(10 * time.Second)
		c.message(roomR, "2", "2", "idempotency-key", "2")
		c.message(roomR, "3", "3", "idempotency-key", "3")
		if f := c.expectError(problem.CodeUnavailable); string(f.Header("receipt-id")) != "1" {
			t.Errorf("receipt-id %q, want 1", f.Header("receipt-id"))
		}
		p.set(func() { p.refuse = nil })
		again := e.connect(t, mina)
		again.patience = time.Hour
		for _, content := range []string{"1", "2", "3"} {
			again.message(roomR, content, content, "idempotency-key", content)
			again.expect(stomp.Receipt)
		}
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"1", "2", "3"}, p.contents(t, roomR)); diff != "" {
			t.Error(diff)
		}
	})
}

// numbered is what somebody says, n times.
func numbered(who string, n int) (contents []string) {
	for i := range n {
		contents = append(contents, fmt.Sprint(who, " ", i))
	}
	return contents
}

// contents are those of a room's messages.
func (p *platform) contents(t *testing.T, room string) (contents []string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, body := range p.rooms[room] {
		var m stored
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		contents = append(contents, m.Content)
	}
	return contents
}
