package main

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"moim.dev/moim/services/internal/standin"
)

var ignoreUnexported = cmpopts.IgnoreUnexported(Room{}, Member{})

func (c *chat) testRooms(t *testing.T) {
	mina, jun := c.user(t, "rooms-mina"), c.user(t, "rooms-jun")
	var made []Room
	for _, title := range []string{"Board games", "보드게임 Night", "100% off_line", "100 offline", `back\slash`} {
		made = append(made, c.create(t, mina, title, 3))
	}
	titles := func(rooms []Room) (titles []string) {
		for _, r := range rooms {
			titles = append(titles, r.Title)
		}
		return titles
	}

	t.Run("the creator is host and first member", func(t *testing.T) {
		want := Room{
			Title: "Board games", Host: Host{"rooms-mina", "Name of rooms-mina"}, Personnel: 1, MaxPersonnel: 3, Joined: true,
		}
		if diff := cmp.Diff(want, made[0], ignoreUnexported, cmpopts.IgnoreFields(Room{}, "ID", "CreatedAt")); diff != "" {
			t.Error(diff)
		}
		if made[0].ID.Version() != 7 || time.Since(made[0].CreatedAt).Abs() > time.Minute || made[0].CreatedAt.Location() != time.UTC {
			t.Errorf("id %s, created at %s", made[0].ID, made[0].CreatedAt)
		}
	})
	t.Run("a title loses the blanks around it", func(t *testing.T) {
		if room := c.create(t, jun, "  of jun ", 2); room.Title != "of jun" {
			t.Errorf("title %q", room.Title)
		}
	})
	t.Run("others see that they have not joined", func(t *testing.T) {
		var room Room
		c.call(t, get(jun, "/api/chat/rooms/"+made[1].ID.String()), &room)
		want := made[1]
		want.Joined = false
		if diff := cmp.Diff(want, room, ignoreUnexported); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the list is newest first, page by page, each room once", func(t *testing.T) {
		rooms := all[Room](t, c, get(mina, "/api/chat/rooms?"), 2)
		ofMina := slices.DeleteFunc(slices.Clone(rooms), func(r Room) bool { return r.Host.UserID != "rooms-mina" })
		want := slices.Clone(made)
		slices.Reverse(want)
		if diff := cmp.Diff(want, ofMina, ignoreUnexported); diff != "" {
			t.Error(diff)
		}
		if !slices.IsSortedFunc(rooms, func(a, b Room) int { return b.CreatedAt.Compare(a.CreatedAt) }) {
			t.Errorf("not newest first: %v", titles(rooms))
		}
	})
	for name, test := range map[string]struct {
		search string
		want   []string
	}{
		"a search finds a part of a title, in any case": {"bOARD", []string{"Board games"}},
		"a search finds Korean":                         {"게임", []string{"보드게임 Night"}},
		"a percent sign is no wildcard":                 {"0% o", []string{"100% off_line"}},
		"an underscore is no wildcard":                  {"off_line", []string{"100% off_line"}},
		"a backslash is a backslash":                    {`k\s`, []string{`back\slash`}},
		"a search may find nothing":                     {"no such title", nil},
		"a search for what is no UTF-8 finds nothing":   {"\xff", nil},
	} {
		t.Run(name, func(t *testing.T) {
			found := all[Room](t, c, get(jun, "/api/chat/rooms?title="+url.QueryEscape(test.search)+"&"), 30)
			if diff := cmp.Diff(test.want, titles(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("my rooms are those I am in, latest joined first", func(t *testing.T) {
		for _, i := range []int{2, 0, 1} {
			c.call(t, join(jun, made[i].ID, i), nil)
		}
		c.call(t, leave(jun, made[0].ID), nil)
		rooms := all[Room](t, c, get(jun, "/api/chat/rooms/mine?"), 1)
		if diff := cmp.Diff([]string{"보드게임 Night", "100% off_line", "of jun"}, titles(rooms)); diff != "" {
			t.Error(diff)
		}
		for _, room := range rooms {
			if !room.Joined {
				t.Errorf("%s is not joined", room.Title)
			}
		}
	})
}

func (c *chat) testIdempotencyKey(t *testing.T) {
	mina, jun := c.user(t, "key-mina"), c.user(t, "key-jun")
	request := func(token, key, title string) standin.Request {
		return standin.Request{
			Method: http.MethodPost, Path: "/api/chat/rooms", Token: token, Header: map[string]string{"Idempotency-Key": key},
			Body: map[string]any{"title": title, "maxPersonnel": 2},
		}
	}
	var first Room
	if status := c.call(t, request(mina, "k", "Once"), &first); status != http.StatusCreated {
		t.Errorf("status %d, want 201", status)
	}

	t.Run("a repetition answers the same room", func(t *testing.T) {
		var again Room
		if status := c.call(t, request(mina, "k", "Once"), &again); status != http.StatusCreated {
			t.Errorf("status %d, want 201", status)
		}
		if diff := cmp.Diff(first, again, ignoreUnexported); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the same key with another body is a conflict", func(t *testing.T) {
		if _, err := c.Do(t.Context(), request(mina, "k", "Twice"), nil); !is(err, 409, "conflict") {
			t.Errorf("got %v, want a conflict", err)
		}
	})
	t.Run("the same key of another user is another key", func(t *testing.T) {
		var other Room
		c.call(t, request(jun, "k", "Once"), &other)
		if other.ID == first.ID {
			t.Error("the same room")
		}
	})
	t.Run("many at once make one room", func(t *testing.T) {
		var wg sync.WaitGroup
		ids := make([]uuid.UUID, 30)
		for i := range ids {
			wg.Go(func() {
				r := request(mina, "many", "Many")
				r.Replica = i % replicas
				var room Room
				if _, err := c.Do(t.Context(), r, &room); err != nil {
					t.Error(err)
				}
				ids[i] = room.ID
			})
		}
		wg.Wait()
		if len(slices.Compact(ids)) != 1 {
			t.Errorf("the rooms %v", ids)
		}
	})
	t.Run("a repetition after the room was closed makes no other", func(t *testing.T) {
		c.call(t, leave(mina, first.ID), nil)
		if _, err := c.Do(t.Context(), request(mina, "k", "Once"), nil); !is(err, 404, "not_found") {
			t.Errorf("got %v, want not_found", err)
		}
	})
}
