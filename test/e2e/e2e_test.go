// Package e2e tests the whole platform on real parts, with several replicas of what holds state.
package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/test/client"
	"moim.dev/moim/test/stack"
)

// unlimited has no limits that a test, which comes from one address, would run into.
func unlimited() []stack.Service {
	return []stack.Service{
		{App: "auth", Replicas: 2, Env: map[string]string{"MOIM_SIGNUPS_PER_ADDRESS": "0", "MOIM_LOGINS_PER_ADDRESS": "0", "MOIM_SAGA_TIMEOUT": "60s"}},
		{App: "user"},
		{App: "customer"},
		{App: "chat", Replicas: 2},
		{App: "message", Replicas: 2},
		{App: "realtime", Replicas: 2},
		{App: "gateway", Env: map[string]string{"MOIM_WEB_DIR": "", "MOIM_RATE_PER_USER": "0", "MOIM_RATE_PER_ADDRESS": "0"}},
	}
}

func TestPlatform(t *testing.T) {
	s := stack.ForTest(t, stack.Options{Services: unlimited()})
	c := client.Client{Base: s.URL()}
	t.Run("a signup streams each service's answer", func(t *testing.T) { signUp(t, c) })
	t.Run("a room is a log that every subscriber sees once and in order", func(t *testing.T) { chat(t, c, "chat") })
	t.Run("only members read and write", func(t *testing.T) { strangers(t, c) })
	t.Run("leaving ends what is seen", func(t *testing.T) { leave(t, c) })
	t.Run("logging out closes the connection and ends the token", func(t *testing.T) { logOut(t, c) })
	t.Run("history is gapless and complete for who comes later", func(t *testing.T) { late(t, c) })
	t.Run("a replica that is restarted loses nothing", func(t *testing.T) { restart(t, s, c) })
	t.Run("profile, balance and deletion", func(t *testing.T) { account(t, c) })
	t.Run("a thousand signups at once each get their own stream", func(t *testing.T) { crowd(t, c) })
}

// members signs users up and has them join a room that the first of them makes.
func members(t *testing.T, c client.Client, prefix string, n int) ([]*client.Session, client.Room) {
	t.Helper()
	sessions := make([]*client.Session, n)
	var group errgroup.Group
	for i := range n {
		group.Go(func() (err error) {
			sessions[i], err = c.New(t.Context(), fmt.Sprintf("%s-%d", prefix, i))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	room, err := sessions[0].CreateRoom(t.Context(), "The room of "+prefix, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions[1:] {
		if err := s.Join(t.Context(), room.ID); err != nil {
			t.Fatal(err)
		}
	}
	return sessions, room
}

func chat(t *testing.T, c client.Client, prefix string) {
	const people, each = 6, 50
	sessions, room := members(t, c, prefix, people)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var all []*client.Member
	for i, s := range sessions {
		for range 2 { // Two connections of each, on whichever replicas.
			m := client.NewMember(s, room.ID)
			go m.Run(ctx)
			all = append(all, m)
			if len(all)%2 == 0 {
				for j := range each {
					m.Say(fmt.Sprintf("%d/%d", i, j))
				}
			}
		}
	}
	want := people + people*each // Each has entered, and said so much.
	for _, m := range all {
		if err := m.Await(ctx, func(seen []client.Message, unsent int) bool { return unsent == 0 && len(seen) >= want }); err != nil {
			t.Fatal(err)
		}
	}
	first := all[0].Seen()
	if len(first) != want {
		t.Errorf("%d messages were seen, want %d", len(first), want)
	}
	entered := 0
	for _, m := range first {
		if m.Type == "ENTER" {
			entered++
		}
	}
	if entered != people {
		t.Errorf("%d entered, want %d", entered, people)
	}
	for _, m := range all[1:] {
		if diff := cmp.Diff(first, m.Seen()); diff != "" {
			t.Errorf("two members saw different things: %s", diff)
		}
	}
	for i := range sessions { // What one says is in the order it was said.
		j := 0
		for _, m := range first {
			if m.Type == "MESSAGE" && strings.HasPrefix(m.Content, fmt.Sprint(i, "/")) {
				if want := fmt.Sprintf("%d/%d", i, j); m.Content != want {
					t.Fatalf("saw %s where %s had to follow", m.Content, want)
				}
				j++
			}
		}
	}
}

func strangers(t *testing.T, c client.Client) {
	sessions, room := members(t, c, "inside", 1)
	stranger, err := c.New(t.Context(), "stranger")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for name, test := range map[string]struct {
		do   func(*client.Conn) error
		want string
	}{
		"subscribing": {func(conn *client.Conn) error { return conn.Subscribe(ctx, room.ID, 0) }, "not_a_member"},
		"writing":     {func(conn *client.Conn) error { return conn.Say(ctx, room.ID, "hello", "k") }, "not_a_member"},
		"an unknown destination": {func(conn *client.Conn) error {
			return conn.Do(ctx, "SUBSCRIBE", "", "id", "1", "destination", "/sub/user/inside-0")
		}, "forbidden"},
		"an unknown room":           {func(conn *client.Conn) error { return conn.Subscribe(ctx, "0190b3e5-0000-7000-8000-000000000000", 0) }, "not_found"},
		"a message without content": {func(conn *client.Conn) error { return conn.Say(ctx, room.ID, "", "k") }, "validation"},
	} {
		conn, err := stranger.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := test.do(conn); client.Code(err) != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
		conn.Close()
	}
	if _, err := (&client.Session{Client: c, Access: "forged"}).Dial(ctx); client.Code(err) != "unauthenticated" {
		t.Errorf("connecting with a forged token: %v", err)
	}
	if _, err := stranger.History(ctx, room.ID, 0); client.Code(err) != "not_a_member" {
		t.Errorf("reading history: %v", err)
	}
	if history, err := sessions[0].History(ctx, room.ID, 0); err != nil || slices.ContainsFunc(history, func(m client.Message) bool { return m.SenderID == "stranger" }) {
		t.Errorf("the room has %v, %v", history, err)
	}
	full, err := sessions[0].CreateRoom(ctx, "For one", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Join(ctx, full.ID); client.Code(err) != "room_full" {
		t.Errorf("joining a full room: %v", err)
	}
}

func leave(t *testing.T, c client.Client) {
	sessions, room := members(t, c, "leaver", 2)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stays := client.NewMember(sessions[0], room.ID)
	go stays.Run(ctx)
	if err := sessions[1].Leave(ctx, room.ID); err != nil {
		t.Fatal(err)
	}
	err := stays.Await(ctx, func(seen []client.Message, _ int) bool {
		return slices.ContainsFunc(seen, func(m client.Message) bool { return m.Type == "LEAVE" && m.SenderID == "leaver-1" })
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sessions[1].History(ctx, room.ID, 0); client.Code(err) != "not_a_member" {
		t.Errorf("reading after leaving: %v", err)
	}
	conn, err := sessions[1].Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Subscribe(ctx, room.ID, 0); client.Code(err) != "not_a_member" {
		t.Errorf("subscribing after leaving: %v", err)
	}
}

func logOut(t *testing.T, c client.Client) {
	session, err := c.New(t.Context(), "goer")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := session.Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Do(ctx, http.MethodDelete, "/api/auth/sessions/current", nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Next(ctx); client.Code(err) != "token_revoked" {
		t.Errorf("the connection ended with %v, want token_revoked", err)
	}
	deadline := time.Now().Add(2 * time.Second) // A second, and what asking takes.
	for {
		err := session.Do(ctx, http.MethodGet, "/api/chat/rooms", nil, nil)
		if client.Code(err) == "token_revoked" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the token is still taken: %v", err)
		}
	}
	if _, err := c.Renew(ctx, session.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("renewing: %v", err)
	}
}

func late(t *testing.T, c client.Client) {
	sessions, room := members(t, c, "early", 2)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	speaker := client.NewMember(sessions[0], room.ID)
	go speaker.Run(ctx)
	for i := range 300 {
		speaker.Say(fmt.Sprint(i))
	}
	if err := speaker.Await(ctx, func(seen []client.Message, unsent int) bool { return unsent == 0 && len(seen) == 302 }); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		m := client.NewMember(sessions[1], room.ID)
		go m.Run(ctx)
		if err := m.Await(ctx, func(seen []client.Message, _ int) bool { return len(seen) == 302 }); err != nil {
			t.Fatal(err)
		}
	}
	history, err := sessions[1].History(ctx, room.ID, 0)
	if diff := cmp.Diff(speaker.Seen(), history); err != nil || diff != "" {
		t.Errorf("history is not what was seen: %v %s", err, diff)
	}
}

func restart(t *testing.T, s *stack.Stack, c client.Client) {
	sessions, room := members(t, c, "steady", 3)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var all []*client.Member
	for _, session := range sessions {
		m := client.NewMember(session, room.ID)
		go m.Run(ctx)
		all = append(all, m)
	}
	said := 0
	for _, name := range []string{"realtime-0", "message-0", "realtime-1", "chat-0"} {
		for range 20 {
			all[said%3].Say(fmt.Sprint(said))
			said++
		}
		pid := s.PID(name)
		if err := s.Terminate(name); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			all[said%3].Say(fmt.Sprint(said))
			said++
		}
		awaitSuccessor(ctx, t, s, name, pid)
	}
	for _, m := range all {
		if err := m.Await(ctx, func(seen []client.Message, unsent int) bool { return unsent == 0 && len(seen) >= 3+said }); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(all[0].Seen()); n != 3+said {
		t.Errorf("%d messages were seen, want %d", n, 3+said)
	}
}

// awaitSuccessor waits until another process than that of the pid runs under a name and is ready.
func awaitSuccessor(ctx context.Context, t *testing.T, s *stack.Stack, name string, pid int) {
	t.Helper()
	await(ctx, t, name+" runs again", func() bool {
		now := s.PID(name)
		return now != 0 && now != pid
	})
	if err := s.WaitReady(ctx, name); err != nil {
		t.Fatalf("%s does not come back: %v", name, err)
	}
}
