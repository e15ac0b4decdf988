package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/page"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/services/internal/standin"
	"moim.dev/moim/test/stack"
)

const replicas = 3

// chat is the service under test and a view of its database.
type chat struct {
	*standin.Platform
	db *pgxpool.Pool
}

func TestChat(t *testing.T) {
	p := standin.Start(t, standin.Options{
		Service: stack.Service{App: "chat", Replicas: replicas},
		Events:  []string{topicMemberChanged, topicRoomClosed},
		Fanout:  []string{topicMemberLeft},
	})
	db, err := pgxpool.New(t.Context(), p.DSN("chat")+"?search_path=chat")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	c := &chat{p, db}
	t.Run("refusals", c.testRefusals)
	t.Run("rooms", c.testRooms)
	t.Run("idempotency key", c.testIdempotencyKey)
	t.Run("members", c.testMembers)
	t.Run("constraints", c.testConstraints)
	t.Run("queue", c.testQueue)
	t.Run("saga", c.testSaga)
	t.Run("profile", c.testProfile)
	t.Run("openapi", c.testOpenAPI)
	t.Run("rush", c.testRush) // Last, as it stops Redis.
}

// user makes a user by a signup and returns the access token.
func (c *chat) user(t *testing.T, id string) (token string) {
	t.Helper()
	if answer := c.Ask(t, uuid.NewString(), saga.Create, id, "Name of "+id); answer != saga.Success {
		t.Fatalf("signup of %s: %s", id, answer)
	}
	return c.Token(t, id)
}

func (c *chat) call(t *testing.T, r standin.Request, out any) (status int) {
	t.Helper()
	status, err := c.Do(t.Context(), r, out)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return status
}

func (c *chat) create(t *testing.T, token, title string, maxPersonnel int) (room Room) {
	t.Helper()
	c.call(t, standin.Request{
		Method: http.MethodPost, Path: "/api/chat/rooms", Token: token, Body: map[string]any{"title": title, "maxPersonnel": maxPersonnel},
	}, &room)
	return room
}

type joined struct {
	Room    Room
	Entered bool
}

func join(token string, room uuid.UUID, replica int) standin.Request {
	return standin.Request{Method: http.MethodPut, Path: "/api/chat/rooms/" + room.String() + "/members/me", Token: token, Replica: replica}
}

func leave(token string, room uuid.UUID) standin.Request {
	return standin.Request{Method: http.MethodDelete, Path: "/api/chat/rooms/" + room.String() + "/members/me", Token: token}
}

func get(token, path string) standin.Request {
	return standin.Request{Method: http.MethodGet, Path: path, Token: token}
}

// all reads a list page by page.
func all[T any](t *testing.T, c *chat, r standin.Request, limit int) (items []T) {
	t.Helper()
	path := fmt.Sprintf("%slimit=%d", r.Path, limit)
	for cursor := ""; ; {
		r.Path = path + "&cursor=" + cursor
		var list page.List[T]
		c.call(t, r, &list)
		items = append(items, list.Items...)
		if cursor = list.NextCursor; cursor == "" {
			return items
		}
		if len(list.Items) != limit {
			t.Fatalf("a page of %d with another one after it, want %d", len(list.Items), limit)
		}
	}
}

// is says whether an error is a problem of that status and code.
func is(err error, status int, code string) bool {
	var p *problem.Error
	return errors.As(err, &p) && p.Status == status && p.Code == code
}

func (c *chat) testRefusals(t *testing.T) {
	owner, stranger := c.user(t, "refusal-owner"), c.user(t, "refusal-stranger")
	room := c.create(t, owner, "Full", 1)
	nowhere := uuid.Must(uuid.NewV7()).String()
	body := func(title any, maxPersonnel any) map[string]any {
		return map[string]any{"title": title, "maxPersonnel": maxPersonnel}
	}
	rooms, mine := "/api/chat/rooms", "/api/chat/rooms/mine"
	one, me := rooms+"/"+room.ID.String(), rooms+"/"+room.ID.String()+"/members/me"
	long := func(n int) string { return fmt.Sprintf("%0*d", n, 0) }

	for name, test := range map[string]struct {
		standin.Request
		status int
		code   string
	}{
		"create without a token":   {standin.Request{Method: "POST", Path: rooms, Body: body("A", 2)}, 401, "unauthenticated"},
		"list without a token":     {standin.Request{Method: "GET", Path: rooms}, 401, "unauthenticated"},
		"my rooms without a token": {standin.Request{Method: "GET", Path: mine}, 401, "unauthenticated"},
		"a room without a token":   {standin.Request{Method: "GET", Path: one}, 401, "unauthenticated"},
		"join without a token":     {standin.Request{Method: "PUT", Path: me}, 401, "unauthenticated"},
		"leave without a token":    {standin.Request{Method: "DELETE", Path: me}, 401, "unauthenticated"},
		"members without a token":  {standin.Request{Method: "GET", Path: one + "/members"}, 401, "unauthenticated"},
		"a forged token":           {standin.Request{Method: "GET", Path: rooms, Token: owner[:len(owner)-8] + "AAAAAAAA"}, 401, "unauthenticated"},
		"a room without a title":   {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("", 2)}, 422, "validation"},
		"a title of blanks":        {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("  \t ", 2)}, 422, "validation"},
		"a title that nobody sees": {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("\u3000\u00a0", 2)}, 422, "validation"},
		"a title turned around":    {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("A\u202eB", 2)}, 422, "validation"},
		"a title of 61 characters": {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body(long(61), 2)}, 422, "validation"},
		"a title with a NUL":       {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("a\x00b", 2)}, 422, "validation"},
		"a title that is a number": {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body(7, 2)}, 422, "validation"},
		"no seat":                  {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("A", 0)}, 422, "validation"},
		"1,001 seats":              {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("A", 1001)}, 422, "validation"},
		"half a seat":              {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("A", 2.5)}, 422, "validation"},
		"a field that there isn't": {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: map[string]any{"title": "A", "maxPersonnel": 2, "host": "x"}}, 422, "validation"},
		"a body that is no JSON":   {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: "{"}, 400, "bad_request"},
		"an idempotency key that is too long": {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("A", 2),
			Header: map[string]string{"Idempotency-Key": long(129)}}, 422, "validation"},
		"an idempotency key that is no ASCII": {standin.Request{Method: "POST", Path: rooms, Token: owner, Body: body("A", 2),
			Header: map[string]string{"Idempotency-Key": "key\xff"}}, 422, "validation"},
		"create as somebody who isn't here yet": {standin.Request{Method: "POST", Path: rooms, Token: c.Token(t, "unknown"), Body: body("A", 2)}, 503, "unavailable"},
		"a limit of 0":                          {get(owner, rooms+"?limit=0"), 422, "validation"},
		"a limit of 101":                        {get(owner, rooms+"?limit=101"), 422, "validation"},
		"a cursor that nobody gave":             {get(owner, rooms+"?cursor=abc"), 422, "validation"},
		"a cursor of another list":              {get(owner, rooms+"?cursor="+page.Encode(7)), 422, "validation"},
		"my rooms with such a cursor":           {get(owner, mine+"?cursor="+page.Encode("x")), 422, "validation"},
		"a search for a NUL":                    {get(owner, rooms+"?title=%00"), 422, "validation"},
		"no such room":                          {get(owner, rooms+"/"+nowhere), 404, "not_found"},
		"a room id that is none":                {get(owner, rooms+"/7"), 422, "validation"},
		"join no such room":                     {standin.Request{Method: "PUT", Path: rooms + "/" + nowhere + "/members/me", Token: owner}, 404, "not_found"},
		"join a full room":                      {standin.Request{Method: "PUT", Path: me, Token: stranger}, 409, "room_full"},
		"members of no such room":               {get(owner, rooms+"/"+nowhere+"/members"), 404, "not_found"},
		"members as no member":                  {get(stranger, one+"/members"), 403, "not_a_member"},
		"a membership, as the gateway":          {standin.Request{Method: "GET", Path: "/internal/rooms/" + room.ID.String() + "/members/x", Caller: "gateway"}, 403, "forbidden"},
		"a membership, as a user":               {get(owner, "/internal/rooms/"+room.ID.String()+"/members/x"), 403, "forbidden"},
		"a membership of no such room":          {standin.Request{Method: "GET", Path: "/internal/rooms/" + nowhere + "/members/x", Caller: "message"}, 404, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			if status, err := c.Do(t.Context(), test.Request, nil); !is(err, test.status, test.code) {
				t.Errorf("got %d %v, want %d %s", status, err, test.status, test.code)
			}
		})
	}
}

func (c *chat) testOpenAPI(t *testing.T) {
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID, Summary, Description string
			Tags                              []string
			Responses                         map[string]json.RawMessage
		}
	}
	c.call(t, get("", "/api/chat/openapi.json"), &doc)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %q", doc.OpenAPI)
	}
	count := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			count++
			if op.OperationID == "" || op.Summary == "" || op.Description == "" || len(op.Tags) == 0 || op.Responses["422"] == nil {
				t.Errorf("%s %s is not described: %+v", method, path, op)
			}
		}
	}
	if count != 8 {
		t.Errorf("%d operations, want 8", count)
	}
}

// count reads a number from the database.
func (c *chat) count(ctx context.Context, t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	if err := c.db.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}
