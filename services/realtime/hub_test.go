package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// eventually waits for a condition that nothing signals.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

// parse makes messages of the log's own bodies.
func (p *platform) parse(t testing.TB, room string, seqs ...int) []*message {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var messages []*message
	for _, seq := range seqs {
		m := new(message)
		if err := json.Unmarshal(p.rooms[room][seq-1], m); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	return messages
}

func TestEventsInDisorder(t *testing.T) {
	tests := map[string]struct {
		events  [][]int // seqs of the log, which has 6 messages, 2 of them seen
		repairs bool    // the log must be read
	}{
		"in order":                            {events: [][]int{{3}, {4}, {5, 6}}},
		"twice":                               {events: [][]int{{3, 4}, {3, 4}, {4, 5, 6}}},
		"of long ago":                         {events: [][]int{{1, 2}, {3, 4, 5, 6}, {1, 2}}},
		"one too early":                       {events: [][]int{{4}, {3}, {5, 6}}},
		"backwards":                           {events: [][]int{{6}, {5}, {4}, {3}}},
		"with a hole":                         {events: [][]int{{3}, {5, 6}}, repairs: true},
		"with a hole that the next one fills": {events: [][]int{{3}, {6}, {5}, {4}}},
		"only the last":                       {events: [][]int{{6}}, repairs: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlatform()
			token := p.user("mina")
			p.join(roomR, "mina")
			p.say(roomR, "1", "2")
			cfg := testConfig()
			cfg.HeadsInterval = time.Hour
			e := p.serve(t, cfg)
			c := e.connect(t, token)
			c.subscribe(roomR, "s", -1)
			p.set(func() { p.loseEvents = true })
			p.say(roomR, "3", "4", "5", "6")
			for _, seqs := range test.events {
				e.hub.append(p.parse(t, roomR, seqs...))
			}
			c.expectMessages("s", 3, 6)
			c.expectNothing()
			if read := p.called("message/internal/rooms/"+roomR+"/messages") > 0; read != test.repairs {
				t.Errorf("the log was read: %t, want %t", read, test.repairs)
			}
		})
	}
}

func TestLostEvents(t *testing.T) {
	t.Run("a lost tail is found by comparing with the log", func(t *testing.T) {
		p := newPlatform()
		token := p.user("mina")
		p.join(roomR, "mina")
		e := p.serve(t, testConfig())
		c := e.connect(t, token)
		c.subscribe(roomR, "s", -1)
		p.set(func() { p.loseEvents = true })
		p.say(roomR, numbers(500)...)
		c.expectMessages("s", 1, 500)
	})
	t.Run("a lost tail is found at once when the subscription is taken up again", func(t *testing.T) {
		p := newPlatform()
		token := p.user("mina")
		p.join(roomR, "mina")
		cfg := testConfig()
		cfg.HeadsInterval = time.Hour
		e := p.serve(t, cfg)
		c := e.connect(t, token)
		c.subscribe(roomR, "s", -1)
		p.set(func() { p.loseEvents = true })
		p.say(roomR, "lost")
		e.hub.compareNow(t.Context())
		c.expectMessages("s", 1, 1)
	})
	t.Run("a repair goes on while the log cannot be read", func(t *testing.T) {
		p := newPlatform()
		token := p.user("mina")
		p.join(roomR, "mina")
		p.say(roomR, "1")
		cfg := testConfig()
		cfg.HeadsInterval = time.Hour
		e := p.serve(t, cfg)
		c := e.connect(t, token)
		c.subscribe(roomR, "s", -1)
		failures := 0
		p.set(func() {
			p.loseEvents = true
			p.refuse = func(string) bool {
				failures++
				return failures <= 3
			}
		})
		p.say(roomR, "2", "3")
		e.hub.append(p.parse(t, roomR, 3))
		c.expectMessages("s", 2, 3)
	})
	t.Run("more is pending than is kept", func(t *testing.T) {
		p := newPlatform()
		token := p.user("mina")
		p.join(roomR, "mina")
		e := p.serve(t, testConfig())
		c := e.connect(t, token)
		c.subscribe(roomR, "s", -1)
		p.set(func() { p.loseEvents = true })
		p.say(roomR, numbers(maxPending+500)...)
		seqs := make([]int, 0, maxPending+499)
		for seq := 2; seq <= maxPending+500; seq++ {
			seqs = append(seqs, seq)
		}
		e.hub.append(p.parse(t, roomR, seqs...))
		c.expectMessages("s", 1, maxPending+500)
	})
}

// Whatever the interleaving of writes, late, lost, repeated and disordered events, subscriptions and their ends: each
// subscriber sees after+1, after+2, … without a gap or a repetition, up to the log's end.
func TestAnyInterleaving(t *testing.T) {
	for round := range 20 {
		t.Run(fmt.Sprint("seed ", round), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(7, uint64(round)))
			p := newPlatform()
			token := p.user("mina")
			p.join(roomR, "mina")
			cfg := testConfig()
			cfg.HeadsInterval = 20 * time.Millisecond
			e := p.serve(t, cfg)
			p.say(roomR, numbers(random.IntN(300))...)
			p.set(func() { p.loseEvents = true }) // Events are sent by hand.

			type subscriber struct {
				c     *client
				after int
			}
			var subscribers []subscriber
			var late []int
			length := func() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.rooms[roomR]) }
			for range 150 {
				switch n := random.IntN(20); {
				case n < 12: // A commit, whose event comes at once, late, twice, or not at all.
					first := length() + 1
					p.say(roomR, numbers(1+random.IntN(5))...)
					var seqs []int
					for seq := first; seq <= length(); seq++ {
						seqs = append(seqs, seq)
					}
					switch random.IntN(6) {
					case 0:
						late = append(late, seqs...)
					case 1:
					case 2:
						e.hub.append(p.parse(t, roomR, seqs...))
						fallthrough
					default:
						e.hub.append(p.parse(t, roomR, seqs...))
					}
				case n < 14 && len(late) > 0:
					random.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
					for _, seq := range late {
						e.hub.append(p.parse(t, roomR, seq))
					}
					late = nil
				case n < 17:
					after := random.IntN(length() + 1)
					c := e.connect(t, token)
					c.subscribe(roomR, fmt.Sprint("s", random.IntN(3)), after)
					subscribers = append(subscribers, subscriber{c, after})
				case n < 18 && len(subscribers) > 1: // The room may be forgotten and come anew.
					i := random.IntN(len(subscribers))
					_ = subscribers[i].c.ws.Close()
					subscribers = append(subscribers[:i], subscribers[i+1:]...)
				default:
					time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
				}
			}
			end := length()
			for _, s := range subscribers {
				for seq := s.after + 1; seq <= end; seq++ {
					f := s.c.frame()
					if got := string(f.Header("seq")); got != fmt.Sprint(seq) {
						t.Fatalf("subscriber after %d: got %s, want %d", s.after, got, seq)
					}
				}
				s.c.expectNothing()
			}
		})
	}
}

// Two replicas of which each has subscribers show them the same.
func TestTwoReplicas(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	a, b := p.serve(t, testConfig()), p.serve(t, testConfig())
	ca, cb := a.connect(t, token), b.connect(t, token)
	ca.subscribe(roomR, "a", -1)
	cb.subscribe(roomR, "b", -1)
	for i := range 100 {
		c := ca
		if i%2 == 1 {
			c = cb
		}
		c.message(roomR, fmt.Sprint(i), "")
	}
	ca.expectMessages("a", 1, 100)
	cb.expectMessages("b", 1, 100)
}

func BenchmarkHubAppend(b *testing.B) {
	p := newPlatform()
	p.user("u")
	p.join(roomR, "u")
	s := p.newTestServer(b, testConfig())
	r := s.hub.hold(roomR)
	r.observe(0)
	for range 1000 {
		c := &conn{srv: s, writer: s.writers[0]}
		c.state = blocked // Nothing is written: the queue alone is measured.
		sub := &subscription{conn: c, room: r, id: "s", head: subscriptionHead("s", 0)}
		s.hub.hold(roomR)
		sub.enter()
		sub.resume(-1)
	}
	body := bytes.Repeat([]byte("x"), 200)
	b.ReportAllocs()
	seq := int64(0)
	for b.Loop() {
		seq++
		s.hub.append([]*message{{room: roomR, seq: seq, body: body}})
		for _, sub := range r.all {
			sub.conn.frames, sub.conn.size = sub.conn.frames[:0], 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/delivery")
}

func BenchmarkEncode(b *testing.B) {
	head, body := subscriptionHead("sub-0", 0), bytes.Repeat([]byte("x"), 200)
	b.ReportAllocs()
	for b.Loop() {
		encode(head, 0, []*message{{room: "018f3f5e-8a3e-7000-8000-000000000000", seq: 42, body: body}})
	}
}
