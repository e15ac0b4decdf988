//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	users "moim.dev/moim/test/client"
)

// password is what users.Client.New gives to everybody.
const password = "correct horse battery"

// chat has people sign up, with the answer of each service in the stream, and talk over WebSockets.
func (s *suite) chat(t *testing.T) {
	records, err := visitor().SignUp(t.Context(), "mina", password)
	if err != nil {
		t.Fatal(err)
	}
	first, last := records[0], records[len(records)-1]
	if first.Status != "pending" || first.Services["chat"] != "pending" || first.Services["customer"] != "pending" {
		t.Errorf("the stream begins with %+v", first)
	}
	want := map[string]string{"auth": "success", "chat": "success", "customer": "success"}
	if diff := cmp.Diff(want, last.Services); diff != "" || last.Status != "complete" || len(records) < 3 {
		t.Errorf("%d records, the last of which is %+v", len(records), last)
	}
	if _, err := visitor().LogIn(t.Context(), "mina", "not "+password); users.Code(err) == "" {
		t.Errorf("a wrong password is answered with %v", err)
	}
	mina, err := visitor().LogIn(t.Context(), "mina", password)
	if err != nil {
		t.Fatal(err)
	}
	s.people = []*users.Session{mina}
	for _, name := range []string{"juno", "sora", "theo"} {
		session, err := visitor().New(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		s.people = append(s.people, session)
	}
	if s.room, err = mina.CreateRoom(t.Context(), "The room", len(s.people)); err != nil {
		t.Fatal(err)
	}
	for _, session := range s.people[1:] {
		if err := session.Join(t.Context(), s.room.ID); err != nil {
			t.Fatal(err)
		}
	}
	l := s.talk(t)
	l.awaitMore(t, 20)
	l.finish(t)
}

// load is everybody in the room talking, and looking around over HTTP.
type load struct {
	members []*users.Member
	session *users.Session
	room    string
	stop    context.CancelFunc // of talking and looking
	leave   context.CancelFunc // of the connections
	done    sync.WaitGroup

	mu       sync.Mutex
	requests int
	failed   []string
}

// talk starts a load, which finish ends.
func (s *suite) talk(t *testing.T) *load {
	t.Helper()
	for i, session := range s.people { // Access tokens live for 15 minutes, the tests before have taken some of them.
		renewed, err := session.Renew(t.Context(), session.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		s.people[i] = renewed
	}
	connected, leave := context.WithCancel(t.Context())
	talking, stop := context.WithCancel(connected)
	t.Cleanup(leave)
	l := &load{session: s.people[0], room: s.room.ID, stop: stop, leave: leave}
	for _, session := range s.people {
		m := users.NewMember(session, s.room.ID)
		l.members = append(l.members, m)
		l.done.Go(func() { m.Run(connected) })
		n, started := 0, time.Now().UnixNano()
		l.done.Go(func() {
			users.Every(talking, 100*time.Millisecond, func() { m.Say(fmt.Sprintf("%s/%d/%d", session.UserID, started, n)); n++ })
		})
		l.done.Go(func() { users.Every(talking, 200*time.Millisecond, func() { l.look(talking, session) }) })
	}
	return l
}

// look does what a browser does that opens the page.
func (l *load) look(ctx context.Context, session *users.Session) {
	began := time.Now()
	err := session.Do(ctx, http.MethodGet, "/api/chat/rooms", nil, nil)
	if err == nil {
		err = session.Do(ctx, http.MethodGet, "/api/user/me", nil, nil)
	}
	if err == nil {
		var wrong string
		if wrong, err = page(ctx); wrong != "" {
			err = fmt.Errorf("%s", wrong)
		}
	}
	if ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests += 3
	if err != nil {
		l.failed = append(l.failed, fmt.Sprintf("%s, after %s: %v", began.Format(time.StampMilli), time.Since(began).Round(time.Millisecond), err))
	}
}

// awaitMore waits until everybody has seen n more messages.
func (l *load) awaitMore(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, m := range l.members {
		want := len(m.Seen()) + n
		if err := m.Await(ctx, func(seen []users.Message, _ int) bool { return len(seen) >= want }); err != nil {
			t.Fatal(err)
		}
	}
}

// finish ends the load. Every request must have succeeded, and every message that was receipted must be in everybody's view exactly once
// and in order.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, m := range l.members {
		if err := m.Await(ctx, func(_ []users.Message, unsent int) bool { return unsent == 0 }); err != nil {
			t.Fatal(err)
		}
	}
	history, err := l.session.History(ctx, l.room, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range l.members {
		if err := m.Await(ctx, func(seen []users.Message, _ int) bool { return len(seen) >= len(history) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(history, m.Seen()[:len(history)]); diff != "" {
			t.Errorf("a member's view is not the log: %s", diff)
		}
	}
	receipted := 0
	for _, m := range l.members {
		for _, key := range m.Receipts() {
			receipted++
			if !slices.ContainsFunc(history, func(m users.Message) bool { return m.Key == key }) {
				t.Errorf("message %s was receipted and is lost", key)
			}
		}
	}
	l.leave()
	l.done.Wait()
	for i, failure := range l.failed {
		if i < 10 {
			t.Errorf("a request failed: %s", failure)
		}
	}
	t.Logf("%d messages were receipted, %d of %d requests failed", receipted, len(l.failed), l.requests)
	if receipted == 0 || l.requests == 0 {
		t.Error("nothing was measured")
	}
}
