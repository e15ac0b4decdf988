package main

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"moim.dev/moim/services/internal/postgres"
	"moim.dev/moim/services/internal/standin"
)

// told are the changes of a room's members that were published, in the order of the broker.
func (c *chat) told(t *testing.T, room uuid.UUID, count int) []memberChanged {
	t.Helper()
	return standin.Await(t, c.Platform, topicMemberChanged, count, func(e memberChanged) bool { return e.RoomID == room })
}

func (c *chat) membership(t *testing.T, room uuid.UUID, user string) (m Membership) {
	t.Helper()
	c.call(t, standin.Request{Method: http.MethodGet, Path: "/internal/rooms/" + room.String() + "/members/" + user, Caller: "realtime"}, &m)
	return m
}

func (c *chat) testMembers(t *testing.T) {
	mina, jun, sora := c.user(t, "members-mina"), c.user(t, "members-jun"), c.user(t, "members-sora")
	room := c.create(t, mina, "Members", 3)
	id := room.ID
	const nameOf = "Name of "
	changed := func(user string, member, announce bool, version int64) memberChanged {
		return memberChanged{RoomID: id, UserID: user, UserName: nameOf + user, Member: member, Announce: announce, Version: version}
	}
	enter := func(t *testing.T, token string, entered bool, personnel int) {
		t.Helper()
		var got joined
		if status := c.call(t, join(token, id, 1), &got); status != http.StatusOK {
			t.Errorf("status %d, want 200", status)
		}
		if got.Entered != entered || !got.Room.Joined || got.Room.Personnel != personnel {
			t.Errorf("entered %v with %d in the room, joined %v; want %v, %d, true", got.Entered, got.Room.Personnel, got.Room.Joined, entered, personnel)
		}
	}

	enter(t, jun, true, 2)
	enter(t, jun, false, 2)
	enter(t, mina, false, 2)
	enter(t, sora, true, 3)

	t.Run("members are listed earliest first, the host marked", func(t *testing.T) {
		members := all[Member](t, c, get(sora, "/api/chat/rooms/"+id.String()+"/members?"), 1)
		want := []Member{
			{UserID: "members-mina", UserName: nameOf + "members-mina", Host: true},
			{UserID: "members-jun", UserName: nameOf + "members-jun"},
			{UserID: "members-sora", UserName: nameOf + "members-sora"},
		}
		if diff := cmp.Diff(want, members, ignoreUnexported, cmpopts.IgnoreFields(Member{}, "JoinedAt")); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("other services are told who is a member", func(t *testing.T) {
		for user, want := range map[string]Membership{
			"members-jun":  {Member: true, UserName: nameOf + "members-jun", Version: 1},
			"rooms-jun":    {UserName: nameOf + "rooms-jun"},
			"never-signed": {},
		} {
			if diff := cmp.Diff(want, c.membership(t, id, user)); diff != "" {
				t.Errorf("%s: %s", user, diff)
			}
		}
	})
	t.Run("the host leaves and the longest-standing member follows", func(t *testing.T) {
		if status := c.call(t, leave(mina, id), nil); status != http.StatusNoContent {
			t.Errorf("status %d, want 204", status)
		}
		enter(t, mina, true, 3) // Back again, and now the last in line.
		var now Room
		c.call(t, get(mina, "/api/chat/rooms/"+id.String()), &now)
		if want := (Host{"members-jun", nameOf + "members-jun"}); now.Host != want {
			t.Errorf("host %v, want %v", now.Host, want)
		}
	})
	t.Run("leaving twice, or a room that there isn't, is done already", func(t *testing.T) {
		for range 2 {
			c.call(t, leave(mina, id), nil)
		}
		c.call(t, leave(mina, uuid.Must(uuid.NewV7())), nil)
		want := Membership{UserName: nameOf + "members-mina", Version: 4}
		if diff := cmp.Diff(want, c.membership(t, id, "members-mina")); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the last member closes the room", func(t *testing.T) {
		c.call(t, leave(jun, id), nil)
		c.call(t, leave(sora, id), nil)
		for _, r := range []standin.Request{get(sora, "/api/chat/rooms/"+id.String()), join(sora, id, 0)} {
			if _, err := c.Do(t.Context(), r, nil); !is(err, 404, "not_found") {
				t.Errorf("%s: %v, want not_found", r.Method, err)
			}
		}
		closed := standin.Await(t, c.Platform, topicRoomClosed, 1, func(e roomClosed) bool { return e.RoomID == id })
		if len(closed) != 1 || closed[0].At.IsZero() {
			t.Errorf("closed: %v, want one", closed)
		}
	})
	t.Run("each change was told once, in order, with a version that grows", func(t *testing.T) {
		want := []memberChanged{
			changed("members-mina", true, true, 1), changed("members-jun", true, true, 1), changed("members-sora", true, true, 1),
			changed("members-mina", false, true, 2), changed("members-mina", true, true, 3), changed("members-mina", false, true, 4),
			changed("members-jun", false, true, 2), changed("members-sora", false, false, 2),
		}
		got := c.told(t, id, len(want))
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(memberChanged{}, "At")); diff != "" {
			t.Error(diff)
		}
		if !slices.IsSortedFunc(got, func(a, b memberChanged) int { return a.At.Compare(b.At) }) {
			t.Errorf("times are not in order: %v", got)
		}
	})
	t.Run("each one who left was told to every replica of realtime", func(t *testing.T) {
		want := []memberLeft{{id, "members-mina", 2}, {id, "members-mina", 4}, {id, "members-jun", 2}, {id, "members-sora", 2}}
		got := standin.Await(t, c.Platform, topicMemberLeft, len(want), func(e memberLeft) bool { return e.RoomID == id })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// testConstraints goes around the service: what it relies on must hold whatever it does.
func (c *chat) testConstraints(t *testing.T) {
	ctx := t.Context()
	mina := c.user(t, "constraint-mina")
	c.user(t, "constraint-jun")
	room := c.create(t, mina, "Constraints", 1)
	insert := `INSERT INTO members (room_id, user_id) VALUES ($1, $2)`
	if _, err := c.db.Exec(ctx, insert, room.ID, "constraint-jun"); !postgres.IsCheck(err, "room_capacity") {
		t.Errorf("one member too many: %v, want room_capacity", err)
	}
	if _, err := c.db.Exec(ctx, insert, room.ID, "nobody"); err == nil {
		t.Error("a member who is no user")
	}
	if n := c.count(ctx, t, `SELECT personnel FROM rooms WHERE id = $1`, room.ID); n != 1 {
		t.Errorf("personnel %d, want 1", n)
	}
	if _, err := c.db.Exec(ctx, `DELETE FROM members WHERE room_id = $1`, room.ID); err != nil {
		t.Fatal(err)
	}
	if n := c.count(ctx, t, `SELECT personnel FROM rooms WHERE id = $1`, room.ID); n != 0 {
		t.Errorf("personnel %d after the member's row was deleted, want 0", n)
	}
	if _, err := c.db.Exec(ctx, `DELETE FROM rooms WHERE id = $1`, room.ID); err != nil {
		t.Fatal(err)
	}
}
