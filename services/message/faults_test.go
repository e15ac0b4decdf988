package main

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/standin"
)

func (p platform) testCrash(t *testing.T) {
	const appends = 5
	room := p.room(t, "mina")
	for replica := range 2 { // The replicas must have looked the session up: they cannot while Redis is down.
		p.outcomes(t, replica, say(room, "mina", fmt.Sprint("hello ", replica)))
	}
	// While the broker is down nothing is published; then the replicas that committed die.
	p.StopProcess(t.Context(), "redis")
	for n := range appends {
		p.outcomes(t, n%2, say(room, "mina", fmt.Sprint("a", n)), say(room, "mina", fmt.Sprint("b", n)))
	}
	for _, name := range []string{"message-0", "message-1"} {
		if err := p.Kill(name); err != nil {
			t.Fatal(err)
		}
	}
	p.StartProcess("redis")
	for _, name := range []string{"message-0", "message-1"} {
		if err := p.WaitReady(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	h, err := p.history(t, room, "mina", "")
	if err != nil || h.Head != 2+2*appends {
		t.Fatalf("head %d, %v", h.Head, err)
	}
	var told []Message
	for _, e := range standin.Await(t, p.Platform, topicAppended, 2+appends, func(e appended) bool { return e.Messages[0].RoomID == room }) {
		told = append(told, e.Messages...)
	}
	if diff := cmp.Diff(h.Items, told); diff != "" {
		t.Errorf("what was published is not what was stored: %s", diff)
	}
}

func (p platform) testOutage(t *testing.T) {
	const writers, each, killAfter = 8, 40, 60
	room := p.room(t, "mina")
	sent := make(chan struct{}, writers*each)
	group, ctx := errgroup.WithContext(t.Context())
	for w := range writers {
		group.Go(func() error {
			for n := range each {
				message := say(room, "mina", fmt.Sprint(w, "/", n))
				var failure error
				standin.Eventually(t, func() bool {
					results, err := p.append(t, w%2, message)
					if err != nil && problem.From(err).Code != problem.CodeUnavailable {
						failure = fmt.Errorf("while the database is down: %w", err)
					}
					return failure != nil || err == nil && results[0].Seq > 0
				}, "%s to be stored", message.Content)
				if failure != nil {
					return failure
				}
				sent <- struct{}{}
			}
			return nil
		})
	}
	for range killAfter {
		select {
		case <-sent:
		case <-ctx.Done():
		}
	}
	if err := p.Kill("postgres"); err != nil {
		t.Fatal(err)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for after := int64(0); after < writers*each; after += 100 {
		h, err := p.history(t, room, "mina", fmt.Sprintf("?after=%d&limit=100", after))
		if err != nil || h.Head != writers*each {
			t.Fatalf("head %d, %v; want %d", h.Head, err, writers*each)
		}
		for i, m := range h.Items {
			if count[m.Key]++; m.Seq != after+int64(i)+1 {
				t.Errorf("message %d where %d had to follow", m.Seq, after+int64(i)+1)
			}
		}
	}
	if len(count) != writers*each {
		t.Errorf("%d messages are stored, want %d", len(count), writers*each)
	}
}
