package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/standin"
	"moim.dev/moim/services/internal/token"
)

// chatSays sets what chat answers about a membership.
func (p platform) chatSays(t *testing.T, room uuid.UUID, user string, member bool, version int64) {
	t.Helper()
	_, err := p.Do(t.Context(), standin.Request{
		App: "chat", Method: http.MethodPut, Path: "/internal/rooms/" + room.String() + "/members/" + user,
		Body: map[string]any{"member": member, "version": version},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// changed publishes a change of a membership.
func (p platform) changed(t *testing.T, room uuid.UUID, user string, member bool, version int64) {
	t.Helper()
	p.Publish(t, "chat.member.changed", map[string]any{
		"roomId": room, "userId": user, "userName": user, "member": member, "announce": true, "version": version, "at": time.Now().UTC(),
	})
}

// outcomes appends messages and says of each its seq or why it was refused.
func (p platform) outcomes(t *testing.T, replica int, messages ...NewMessage) (outcomes []string) {
	t.Helper()
	results, err := p.append(t, replica, messages...)
	if err != nil {
		t.Fatal(err)
	}
	return shown(results)
}

func shown(results []Result) (outcomes []string) {
	for _, r := range results {
		if r.Code != "" {
			outcomes = append(outcomes, r.Code)
		} else {
			outcomes = append(outcomes, fmt.Sprint(r.Seq))
		}
	}
	return outcomes
}

func (p platform) testTokens(t *testing.T) {
	users := []string{"good", "expired", "revoked", "forged", "good-too", "good"}
	room := p.room(t, users...)
	sign := func(user, session string, issued time.Time) string {
		return p.Sign(t, token.User{ID: user, Name: "Name of " + user, Session: session}, issued)
	}
	now := time.Now()
	tokens := []string{
		sign("good", "session-good", now),
		sign("expired", "session-expired", now.Add(-token.Lifetime-time.Minute)),
		sign("revoked", "session-revoked", now),
		sign("forged", "session-forged", now) + "x",
		sign("good-too", "session-good-too", now),
		sign("good", "session-revoked", now), // The first one's other session.
	}
	p.Revoke(t, "session-revoked")
	batch := func(key string) (messages []NewMessage) {
		for i, user := range users {
			messages = append(messages, NewMessage{RoomID: room.String(), SenderID: user, Token: i, Content: key, Key: fmt.Sprint(key, i)})
		}
		return messages
	}
	results, err := p.appendAs(t, 0, "realtime", tokens, batch("first")...)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1", "token_expired", "token_revoked", "unauthenticated", "2", "token_revoked"}
	if diff := cmp.Diff(want, shown(results)); diff != "" {
		t.Error(diff)
	}
	if m := results[0].Message; m == nil || m.SenderName != "Name of good" {
		t.Errorf("the sender's name is not the token's: %+v", m)
	}

	// A session that ends while its token is remembered as a good one.
	p.Revoke(t, "session-good-too")
	n := 0
	standin.Eventually(t, func() bool {
		n++
		results, err := p.appendAs(t, 0, "realtime", tokens, batch(fmt.Sprint("again ", n))...)
		return err == nil && results[0].Code == "" && results[4].Code == problem.CodeTokenRevoked
	}, "the end of the session to be known")
}

func (p platform) testReadThrough(t *testing.T) {
	room, nowhere := uuid.New(), uuid.New()
	p.chatSays(t, room, "early", true, 1)
	want := []string{"1", "not_a_member", "not_found", "2"}
	if diff := cmp.Diff(want, p.outcomes(t, 0,
		say(room, "early", "a"), say(room, "stranger", "b"), say(nowhere, "early", "c"), say(room, "early", "d"))); diff != "" {
		t.Error(diff)
	}
	if h, err := p.history(t, room, "early", ""); err != nil || h.Head != 2 {
		t.Errorf("history: head %d, %v", h.Head, err)
	}
	for _, test := range []struct {
		room uuid.UUID
		user string
		code string
	}{{room, "stranger", "not_a_member"}, {nowhere, "early", "not_found"}} {
		if _, err := p.history(t, test.room, test.user, ""); problem.From(err).Code != test.code {
			t.Errorf("history for %s: %v, want %s", test.user, err, test.code)
		}
	}
	empty := uuid.New()
	p.chatSays(t, empty, "early", true, 1)
	if h, err := p.history(t, empty, "early", ""); err != nil || h.Head != 0 || h.Items == nil || len(h.Items) > 0 {
		t.Errorf("history of a room without messages: %+v, %v", h, err)
	}
}

func (p platform) testVersions(t *testing.T) {
	room := p.room(t, "witness")
	heads := func(head int64) {
		t.Helper()
		standin.Eventually(t, func() bool {
			h, _ := p.history(t, room, "witness", "")
			return h.Head >= head
		}, "head %d", head)
	}
	p.chatSays(t, room, "joon", false, 2)
	p.changed(t, room, "joon", false, 2) // The leave overtakes the join.
	heads(1)
	p.changed(t, room, "joon", true, 1)
	p.room(t, "after the join") // What follows on the same topic has been handled, and so has that.
	if diff := cmp.Diff([]string{"not_a_member"}, p.outcomes(t, 0, say(room, "joon", "gone"))); diff != "" {
		t.Error(diff)
	}

	p.chatSays(t, room, "joon", true, 3) // Back again, and the event is on its way.
	if diff := cmp.Diff([]string{"2"}, p.outcomes(t, 1, say(room, "joon", "back"))); diff != "" {
		t.Error(diff)
	}
	p.changed(t, room, "joon", true, 3)
	heads(3)
	p.chatSays(t, room, "joon", false, 4)
	p.changed(t, room, "joon", false, 4)
	heads(4)
	if diff := cmp.Diff([]string{"not_a_member"}, p.outcomes(t, 0, say(room, "joon", "gone again"))); diff != "" {
		t.Error(diff)
	}
	h, err := p.history(t, room, "witness", "")
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, m := range h.Items {
		types = append(types, m.Type)
	}
	if diff := cmp.Diff([]string{typeLeave, typeMessage, typeEnter, typeLeave}, types); diff != "" {
		t.Error(diff)
	}
}

func (p platform) testWithoutChat(t *testing.T) {
	room, other := p.room(t, "mina"), uuid.New()
	p.StopProcess(t.Context(), "chat-0")
	defer func() {
		p.StartProcess("chat-0")
		if err := p.WaitReady(t.Context(), "chat-0"); err != nil {
			t.Error(err)
		}
	}()
	want := []string{"unavailable", "1", "unavailable", "2"}
	if diff := cmp.Diff(want, p.outcomes(t, 0,
		say(other, "mina", "a"), say(room, "mina", "b"), say(room, "stranger", "c"), say(room, "mina", "d"))); diff != "" {
		t.Error(diff)
	}
	if _, err := p.history(t, other, "mina", ""); problem.From(err).Code != problem.CodeUnavailable {
		t.Errorf("history of a room that nobody can be asked about: %v", err)
	}
}

func (p platform) testClosed(t *testing.T) {
	room := p.room(t, "mina")
	p.Publish(t, "chat.room.closed", map[string]any{"roomId": room, "at": time.Now().UTC()})
	n := 0
	standin.Eventually(t, func() bool {
		n++
		return p.outcomes(t, n%2, say(room, "mina", fmt.Sprint(n)))[0] == "not_found"
	}, "the room to be closed")
}
