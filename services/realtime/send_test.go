package main

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	dapr "github.com/dapr/go-sdk/client"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/settings"
	"moim.dev/moim/services/internal/stomp"
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

// What takes long to be stored is waited for, and what can't be is not passed over in silence.
func TestDisconnectWhileNothingIsStored(t *testing.T) {
	for name, test := range map[string]struct {
		outage   time.Duration
		receipts []string
		code     string
	}{
		"is receipted when the log answers again": {outage: 18 * time.Second, receipts: []string{"1", "bye"}},
		"is refused when it doesn't":              {outage: time.Minute, code: problem.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlatform()
				mina := p.user("mina")
				p.join(roomR, "mina")
				e := p.servePipe(t, testConfig())
				c := e.connect(t, mina)
				c.patience = 2 * time.Hour
				hold := make(chan struct{})
				p.set(func() { p.hold = hold })
				time.AfterFunc(test.outage, func() { close(hold) })
				c.message(roomR, "x", "1")
				c.send(stomp.Disconnect, "", "receipt", "bye")
				for _, want := range test.receipts {
					if got := c.expect(stomp.Receipt).Header("receipt-id"); string(got) != want {
						t.Fatalf("receipt %s, want %s", got, want)
					}
				}
				if test.code != "" {
					c.expectError(test.code)
				}
				<-hold
			})
		})
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
