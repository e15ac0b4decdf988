package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	dapr "github.com/dapr/go-sdk/client"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/settings"
	"moim.dev/moim/services/internal/stomp"
	"moim.dev/moim/services/internal/token"
)

func TestSendMessage(t *testing.T) {
	p := newPlatform()
	mina, jun := p.user("mina"), p.user("jun")
	p.join(roomR, "mina", "jun")
	e := p.serve(t, testConfig())
	sender, reader := e.connect(t, mina), e.connect(t, jun)
	reader.subscribe(roomR, "s", -1)
	began := time.Now()
	sender.message(roomR, "안녕", "1", "idempotency-key", "k")
	if f := sender.expect(stomp.Receipt); string(f.Header("receipt-id")) != "1" {
		t.Errorf("receipt %q, want 1", f.Header("receipt-id"))
	}
	var got stored
	if err := json.Unmarshal(reader.expect(stomp.Message).Body, &got); err != nil {
		t.Fatal(err)
	}
	if got.SentAt.Before(began) || got.SentAt.After(time.Now()) {
		t.Errorf("sent at %s, want now", got.SentAt)
	}
	got.SentAt = time.Time{}
	want := stored{RoomID: roomR, Seq: 1, Type: "MESSAGE", SenderID: "mina", SenderName: "MINA", Content: "안녕", Key: "k"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	sender.message(roomR, "안녕", "2", "idempotency-key", "k") // Sent again.
	sender.expect(stomp.Receipt)
	sender.message(roomR, "다음", "3")
	sender.expect(stomp.Receipt)
	reader.expectMessages("s", 2, 2)
	reader.expectNothing()
}

// Subscribers of the replica that had a message stored need no event to see it, and see it once when that comes.
func TestOwnMessagesNeedNoEvent(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	cfg := testConfig()
	cfg.HeadsInterval = time.Hour
	e := p.serve(t, cfg)
	c := e.connect(t, mina)
	c.subscribe(roomR, "s", -1)
	p.set(func() { p.loseEvents = true })
	c.message(roomR, "one", "")
	c.message(roomR, "two", "")
	c.expectMessages("s", 1, 2)
	e.hub.append(p.parse(t, roomR, 1, 2))
	c.expectNothing()
	if n := p.called("message/internal/rooms/" + roomR + "/messages"); n != 0 {
		t.Errorf("the log was read %d times, want 0", n)
	}
}

// sending is how many messages are not stored yet.
func (s *server) sending() int {
	n := 0
	for _, c := range s.conns.all() {
		c.mu.Lock()
		n += c.sends
		c.mu.Unlock()
	}
	return n
}

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
	if f := stranger.expectError(codeNotAMember); string(f.Header("receipt-id")) != "no" {
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

func TestDisconnectComesAfterAllReceipts(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, mina)
	for i := range 20 {
		c.message(roomR, fmt.Sprint(i), fmt.Sprint(i))
	}
	c.send(stomp.Disconnect, "", "receipt", "bye")
	for i := range 20 {
		if f := c.expect(stomp.Receipt); string(f.Header("receipt-id")) != fmt.Sprint(i) {
			t.Fatalf("receipt %s, want %d", f.Header("receipt-id"), i)
		}
	}
	if f := c.expect(stomp.Receipt); string(f.Header("receipt-id")) != "bye" {
		t.Errorf("the last receipt is %q, want bye", f.Header("receipt-id"))
	}
	if c.next() != nil {
		t.Error("a frame after the receipt for DISCONNECT")
	}
}

func TestRateLimit(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	cfg := testConfig()
	cfg.FrameRate, cfg.FrameBurst = 1, 20
	e := p.serve(t, cfg)
	c := e.connect(t, mina)
	for i := range 21 {
		c.message(roomR, fmt.Sprint(i), "")
	}
	f := c.expectError(problem.CodeRateLimited)
	if f.Header("retry-after") == nil {
		t.Error("the ERROR does not say when to try again")
	}
}

// changedLimit is a configuration store in which somebody has set a limit.
type changedLimit struct{ dapr.Client }

func (changedLimit) GetConfigurationItems(context.Context, string, []string, ...dapr.ConfigurationOpt) (map[string]*dapr.ConfigurationItem, error) {
	return map[string]*dapr.ConfigurationItem{"limits.framesPerConnection": {Value: "1"}}, nil
}

func TestRateLimitOfOpenConnection(t *testing.T) {
	p := newPlatform()
	mina := p.user("mina")
	p.join(roomR, "mina")
	cfg := testConfig()
	cfg.FrameRate, cfg.FrameBurst = 1000, 10_000
	e := p.serve(t, cfg)
	set := settings.New(changedLimit{}, "config", time.Hour)
	e.frameRate = settings.Add(set, "limits.framesPerConnection", cfg.FrameRate, settings.Limit[float64])
	c := e.connect(t, mina)
	for i := range 50 {
		c.message(roomR, fmt.Sprint(i), fmt.Sprint(i))
		c.expect(stomp.Receipt)
	}
	if _, err := set.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 11 { // The burst is ten times the rate, as it was.
		c.message(roomR, fmt.Sprint(i), "")
	}
	c.expectError(problem.CodeRateLimited)
}

func TestBucket(t *testing.T) {
	b := bucket{tokens: 2}
	for i, step := range []struct {
		at   time.Duration
		want bool
	}{{0, true}, {0, true}, {0, false}, {99 * time.Millisecond, false}, {100 * time.Millisecond, true}, {time.Hour, true}, {time.Hour, true}, {time.Hour, false}} {
		if got := b.take(int64(step.at), 10, 2); got != step.want {
			t.Errorf("step %d, at %s: %t, want %t", i, step.at, got, step.want)
		}
	}
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
