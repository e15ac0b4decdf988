package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/test/client"
	"moim.dev/moim/test/stack"
)

// TestFaults kills what the platform is made of, one after the other, while people chat. At the end every message that was receipted
// is in every member's view exactly once and in order.
func TestFaults(t *testing.T) {
	const rooms, perRoom = 10, 5
	s := stack.ForTest(t, stack.Options{Services: unlimited()})
	c := client.Client{Base: s.URL()}
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()

	type place struct {
		session *client.Session
		*client.Member
		room string
	}
	people := make([]place, rooms*perRoom)
	var group errgroup.Group
	for r := range rooms {
		group.Go(func() error {
			var room client.Room
			for p := range perRoom {
				session, err := c.New(ctx, fmt.Sprintf("user-%d-%d", r, p))
				if err != nil {
					return err
				}
				if p == 0 {
					room, err = session.CreateRoom(ctx, fmt.Sprintf("Room %d", r), perRoom)
				} else {
					err = session.Join(ctx, room.ID)
				}
				if err != nil {
					return err
				}
				m := client.NewMember(session, room.ID)
				people[r*perRoom+p] = place{session, m, room.ID}
				go m.Run(ctx)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}

	// Everybody talks all the time.
	talking, quiet := context.WithCancel(ctx)
	var talk errgroup.Group
	for i, p := range people {
		talk.Go(func() error {
			ticker := time.NewTicker(200 * time.Millisecond)
			defer ticker.Stop()
			for n := 0; ; n++ {
				select {
				case <-talking.Done():
					return nil
				case <-ticker.C:
					p.Say(fmt.Sprintf("%d/%d", i, n))
				}
			}
		})
	}
	for _, name := range []string{"realtime-0", "message-0", "realtime-1/daprd", "message-1/daprd", "redis", "postgres", "realtime-1"} {
		pid := s.PID(name)
		if err := s.Kill(name); err != nil {
			t.Fatal(err)
		}
		awaitSuccessor(ctx, t, s, name, pid)
		// The platform works again: what is said now is stored.
		mark := "after " + name
		people[0].Say(mark)
		err := people[perRoom-1].Await(ctx, func(seen []client.Message, _ int) bool {
			return slices.ContainsFunc(seen, func(m client.Message) bool { return m.Content == mark })
		})
		if err != nil {
			t.Fatalf("after the death of %s: %v", name, err)
		}
	}
	quiet()
	_ = talk.Wait()

	for r := range rooms {
		first := people[r*perRoom]
		for _, p := range people[r*perRoom : (r+1)*perRoom] {
			if err := p.Await(ctx, func(_ []client.Message, unsent int) bool { return unsent == 0 }); err != nil {
				t.Fatal(err)
			}
		}
		history, err := first.session.History(ctx, first.room, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range people[r*perRoom : (r+1)*perRoom] {
			if err := p.Await(ctx, func(seen []client.Message, _ int) bool { return len(seen) >= len(history) }); err != nil {
				t.Fatal(err)
			}
			seen := p.Seen()
			if diff := cmp.Diff(history, seen[:len(history)]); diff != "" {
				t.Fatalf("a member's view is not the log: %s", diff)
			}
			count := map[string]int{}
			for _, m := range seen {
				count[m.Key]++
			}
			for _, key := range p.Receipts() {
				if count[key] != 1 {
					t.Errorf("message %s was receipted and seen %d times", key, count[key])
				}
			}
		}
	}
	total := 0
	for _, p := range people {
		total += len(p.Receipts())
	}
	t.Logf("%d messages were receipted", total)
}
