package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/services/internal/standin"
)

func (c *chat) testSaga(t *testing.T) {
	known := func(t *testing.T, user string, want int) {
		t.Helper()
		if n := c.count(t.Context(), t, `SELECT count(*) FROM users WHERE user_id = $1`, user); n != want {
			t.Errorf("%d copies of %s, want %d", n, user, want)
		}
	}
	ask := func(t *testing.T, sagaID, status, user, want string) {
		t.Helper()
		if got := c.Ask(t, sagaID, status, user, "Somebody"); got != want {
			t.Errorf("%s of %s: %s, want %s", status, user, got, want)
		}
	}
	first, second := uuid.NewString(), uuid.NewString()

	t.Run("a user id that is there is a duplicate", func(t *testing.T) {
		ask(t, first, saga.Create, "saga-mina", saga.Success)
		ask(t, second, saga.Create, "saga-mina", saga.Duplicate)
		known(t, "saga-mina", 1)
	})
	t.Run("an event that comes twice is answered once", func(t *testing.T) {
		id := uuid.NewString()
		request := saga.Request{EventID: id, UserStatus: saga.Create, UserID: "saga-twice", UserName: "Twice"}
		event := c.Publish(t, saga.TopicRequest, request)
		c.Publish(t, saga.TopicRequest, request, event)
		ask(t, uuid.NewString(), saga.Create, "saga-after", saga.Success) // Events are handled in order, so both were by now.
		answers := standin.Await(t, c.Platform, saga.TopicResponse, 1, func(r saga.Response) bool { return r.EventID == id })
		if len(answers) != 1 || answers[0].UserResponseStatus != saga.Success {
			t.Errorf("answers %v, want one success", answers)
		}
	})
	t.Run("undo removes only what that saga made", func(t *testing.T) {
		ask(t, second, saga.Undo, "saga-mina", saga.Success)
		known(t, "saga-mina", 1)
		ask(t, first, saga.Undo, "saga-mina", saga.Success)
		known(t, "saga-mina", 0)
	})
	t.Run("a user id that was undone can be taken by another signup", func(t *testing.T) {
		ask(t, uuid.NewString(), saga.Create, "saga-mina", saga.Success)
		known(t, "saga-mina", 1)
	})
	t.Run("an undo that comes before its create wins", func(t *testing.T) {
		id := uuid.NewString()
		ask(t, id, saga.Undo, "saga-early", saga.Success)
		ask(t, id, saga.Create, "saga-early", saga.Fail)
		known(t, "saga-early", 0)
	})
	t.Run("who is deleted leaves all rooms", func(t *testing.T) {
		leaver, stayer := c.user(t, "saga-leaver"), c.user(t, "saga-stayer")
		alone, shared := c.create(t, leaver, "Alone", 3), c.create(t, leaver, "Shared", 3)
		c.call(t, join(stayer, shared.ID, 0), nil)
		ask(t, uuid.NewString(), saga.Delete, "saga-leaver", saga.Success)
		known(t, "saga-leaver", 0)

		if _, err := c.Do(t.Context(), get(stayer, "/api/chat/rooms/"+alone.ID.String()), nil); !is(err, 404, "not_found") {
			t.Errorf("the room of the deleted user alone: %v, want not_found", err)
		}
		var now Room
		c.call(t, get(stayer, "/api/chat/rooms/"+shared.ID.String()), &now)
		if now.Host.UserID != "saga-stayer" || now.Personnel != 1 {
			t.Errorf("host %v of %d, want saga-stayer of 1", now.Host, now.Personnel)
		}
		told := c.told(t, shared.ID, 3)
		want := memberChanged{RoomID: shared.ID, UserID: "saga-leaver", UserName: "Name of saga-leaver", Announce: true, Version: 2, At: told[2].At}
		if diff := cmp.Diff(want, told[2]); diff != "" {
			t.Error(diff)
		}
		if _, err := c.Do(t.Context(), join(leaver, shared.ID, 0), nil); !is(err, 503, "unavailable") {
			t.Errorf("the deleted user joins: %v, want unavailable", err)
		}
	})
	t.Run("who is deleted does not come back by a late event", func(t *testing.T) {
		ask(t, uuid.NewString(), saga.Create, "saga-leaver", saga.Fail)
		known(t, "saga-leaver", 0)
	})
	t.Run("deleting a user who isn't there succeeds", func(t *testing.T) {
		ask(t, uuid.NewString(), saga.Delete, "saga-never", saga.Success)
	})
}

func (c *chat) testProfile(t *testing.T) {
	token := c.user(t, "profile-mina")
	room := c.create(t, token, "Profile", 2)
	rename := func(name string, version int64) {
		c.Publish(t, profile.TopicChanged, map[string]any{"userId": "profile-mina", "name": name, "imageUrl": "", "version": version})
	}
	host := func() string {
		var now Room
		c.call(t, get(token, "/api/chat/rooms/"+room.ID.String()), &now)
		return now.Host.UserName
	}
	rename("Third", 3)
	rename("Second", 2)
	standin.Eventually(t, func() bool {
		return c.count(t.Context(), t, `SELECT count(*) FROM inbox WHERE topic = $1`, profile.TopicChanged) == 2
	}, "both changes")
	if got := host(); got != "Third" {
		t.Errorf("host %q, want the name of the highest version", got)
	}
	rename("Fourth", 4)
	standin.Eventually(t, func() bool { return host() == "Fourth" }, "the new name")

	early := func(name string, version int64) {
		c.Publish(t, profile.TopicChanged, profile.Changed{UserID: "profile-early", Name: name, Version: version})
	}
	early("Early", 1)
	standin.Eventually(t, func() bool {
		return c.count(t.Context(), t, `SELECT count(*) FROM users WHERE user_id = 'profile-early'`) == 1
	}, "a change that overtook the signup")
	signup := uuid.NewString()
	if answer := c.Ask(t, signup, saga.Create, "profile-early", "Before"); answer != saga.Success {
		t.Errorf("the signup of who was renamed before: %s", answer)
	}
	var name, by string
	err := c.db.QueryRow(t.Context(), `SELECT name, saga_id FROM users WHERE user_id = 'profile-early'`).Scan(&name, &by)
	if err != nil || name != "Early" || by != signup {
		t.Errorf("the copy has the name %q by saga %s (%v), want Early by %s", name, by, err, signup)
	}
	if answer := c.Ask(t, uuid.NewString(), saga.Delete, "profile-early", ""); answer != saga.Success {
		t.Errorf("the deletion: %s", answer)
	}
	early("Late", 2)
	standin.Eventually(t, func() bool {
		return c.count(t.Context(), t, `SELECT count(*) FROM inbox WHERE topic = $1`, profile.TopicChanged) == 5
	}, "all changes")
	if n := c.count(t.Context(), t, `SELECT count(*) FROM users WHERE user_id = 'profile-early'`); n != 0 {
		t.Error("a late change has brought back a user who was deleted")
	}
}
