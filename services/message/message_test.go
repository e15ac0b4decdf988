package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
	"moim.dev/moim/services/internal/standin"
	"moim.dev/moim/test/stack"
)

type platform struct{ *standin.Platform }

func TestMessage(t *testing.T) {
	p := platform{standin.Start(t, standin.Options{
		Service:    stack.Service{App: "message", Replicas: 2},
		Neighbours: []stack.Service{{App: "chat", Package: "./services/message/testdata/memberships"}},
		Fanout:     []string{topicAppended},
	})}
	t.Run("who joins and leaves is announced once", p.testAnnouncements)
	t.Run("each message of a batch has an answer of its own", p.testRefusals)
	t.Run("only who holds a good token writes", p.testTokens)
	t.Run("a member may write before the event of the join comes", p.testReadThrough)
	t.Run("the latest change of a membership counts, however late others come", p.testVersions)
	t.Run("who is known writes while chat is away", p.testWithoutChat)
	t.Run("nothing is appended to a closed room", p.testClosed)
	t.Run("sending again changes nothing", p.testResend)
	t.Run("the log has no gap under concurrent batches", p.testGapless)
	t.Run("history is read from either end", p.testHistory)
	t.Run("what was committed before a crash is published after it", p.testCrash)
	t.Run("what the database did not take can be sent again", p.testOutage)
}

// room makes a room with these members by the events that chat publishes.
func (p platform) room(t *testing.T, users ...string) uuid.UUID {
	t.Helper()
	room := uuid.New()
	for _, user := range users {
		p.Publish(t, "chat.member.changed", map[string]any{
			"roomId": room, "userId": user, "userName": user, "member": true, "announce": false, "version": 1, "at": time.Now().UTC(),
		})
	}
	for _, user := range users {
		standin.Eventually(t, func() bool {
			_, err := p.history(t, room, user, "")
			return err == nil
		}, "%s to be a member", user)
	}
	return room
}

func (p platform) history(t *testing.T, room uuid.UUID, user, query string) (h History, err error) {
	t.Helper()
	_, err = p.Do(t.Context(), standin.Request{
		Method: http.MethodGet, Path: "/api/message/rooms/" + room.String() + "/messages" + query, Token: p.Token(t, user),
	}, &h)
	return h, err
}

// append appends as realtime does.
func (p platform) append(t *testing.T, replica int, messages ...NewMessage) ([]Result, error) {
	t.Helper()
	var tokens, senders []string
	messages = slices.Clone(messages)
	for i := range messages {
		m := &messages[i]
		if m.Token = slices.Index(senders, m.SenderID); m.Token < 0 {
			m.Token = len(senders)
			senders, tokens = append(senders, m.SenderID), append(tokens, p.Token(t, m.SenderID))
		}
	}
	return p.appendAs(t, replica, "realtime", tokens, messages...)
}

func (p platform) appendAs(t *testing.T, replica int, caller string, tokens []string, messages ...NewMessage) ([]Result, error) {
	t.Helper()
	var out struct{ Results []Result }
	_, err := p.Do(t.Context(), standin.Request{
		Method: http.MethodPost, Path: "/internal/append", Caller: caller, Replica: replica,
		Body: map[string]any{"messages": messages, "tokens": tokens},
	}, &out)
	return out.Results, err
}

func say(room uuid.UUID, sender, content string) NewMessage {
	return NewMessage{RoomID: room.String(), SenderID: sender, Content: content, Key: content}
}

func (p platform) testAnnouncements(t *testing.T) {
	room := p.room(t, "witness")
	change := map[string]any{
		"roomId": room, "userId": "mina", "userName": "Mina", "member": true, "announce": true, "version": 1, "at": time.Now().UTC(),
	}
	id := p.Publish(t, "chat.member.changed", change)
	p.Publish(t, "chat.member.changed", change, id) // The broker may deliver twice.
	change["member"], change["version"] = false, 2
	p.Publish(t, "chat.member.changed", change)
	var h History
	standin.Eventually(t, func() bool {
		h, _ = p.history(t, room, "witness", "")
		return h.Head >= 2
	}, "two announcements")
	var got []string
	for _, m := range h.Items {
		got = append(got, fmt.Sprint(m.Seq, m.Type, m.SenderID))
	}
	if diff := cmp.Diff([]string{"1ENTERmina", "2LEAVEmina"}, got); diff != "" {
		t.Error(diff)
	}
	// A change that was overtaken by a later one does not bring the member back.
	change["member"], change["version"], change["announce"] = true, 1, false
	p.Publish(t, "chat.member.changed", change)
	p.room(t, "later") // What follows on the same topic has been handled, and so has that.
	if results, err := p.append(t, 0, say(room, "mina", "still here?")); err == nil && results[0].Code == "" {
		t.Errorf("a member who left writes: %v", results)
	}
}

func (p platform) testRefusals(t *testing.T) {
	room := p.room(t, "mina", "joon")
	long := strings.Repeat("가", rooms.MaxContent)
	messages := []NewMessage{
		say(room, "mina", "first"),
		{RoomID: room.String(), SenderID: "mina", Content: "", Key: "empty"},
		{RoomID: room.String(), SenderID: "mina", Content: long + "!", Key: "long"},
		{RoomID: room.String(), SenderID: "mina", Content: "nul\x00", Key: "nul"},
		{RoomID: "nowhere", SenderID: "mina", Content: "x", Key: "nowhere"},
		{RoomID: room.String(), SenderID: "mina", Content: "no key"},
		{RoomID: room.String(), SenderID: "joon", Content: "another's token", Key: "another's"},
		{RoomID: room.String(), SenderID: "mina", Token: 1, Content: "without a token", Key: "without"},
		{RoomID: room.String(), SenderID: "mina", Token: -1, Content: "without a token", Key: "without"},
		{RoomID: room.String(), SenderID: "mina", Content: long, Key: "just short enough"},
	}
	results, err := p.appendAs(t, 0, "realtime", []string{p.Token(t, "mina")}, messages...)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprint(r.Seq, r.Code))
	}
	want := []string{"1", "0validation", "0validation", "0validation", "0validation", "0validation", "0forbidden", "0unauthenticated", "0unauthenticated", "2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := p.appendAs(t, 0, "gateway", nil, say(room, "mina", "x")); problem.From(err).Code != problem.CodeForbidden {
		t.Errorf("an append by the gateway: %v", err)
	}
}

func (p platform) testResend(t *testing.T) {
	room := p.room(t, "mina")
	a, b, c := say(room, "mina", "a"), say(room, "mina", "b"), say(room, "mina", "c")
	reused, again := say(room, "mina", "a, but other"), say(room, "mina", "d")
	reused.Key, again.Key = a.Key, "e"
	e := say(room, "mina", "e")
	for i, test := range []struct {
		batch []NewMessage
		want  []string
	}{
		{[]NewMessage{a, b, a}, []string{"1 new", "2 new", "1"}},
		{[]NewMessage{c, b}, []string{"3 new", "2"}},
		{[]NewMessage{a, b, c}, []string{"1", "2", "3"}},
		{[]NewMessage{reused, c}, []string{"conflict", "3"}},
		{[]NewMessage{e, again, e}, []string{"4 new", "conflict", "4"}},
	} {
		results, err := p.append(t, i%2, test.batch...)
		var got []string
		for j, r := range results {
			place := shown(results[j : j+1])[0]
			if m := r.Message; m != nil {
				place += " new"
				if m.Seq != r.Seq || m.RoomID != room || m.Key != test.batch[j].Key || m.SenderName == "" || m.SentAt.IsZero() {
					t.Errorf("batch %d: result %d has the message %+v", i, j, m)
				}
			}
			got = append(got, place)
		}
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("batch %d: %v %s", i, err, diff)
		}
	}
	events := standin.Await(t, p.Platform, topicAppended, 3, func(e appended) bool { return e.Messages[0].RoomID == room })
	var told []int64
	for _, e := range events {
		for _, m := range e.Messages {
			told = append(told, m.Seq)
		}
	}
	if diff := cmp.Diff([]int64{1, 2, 3, 4}, told); diff != "" {
		t.Errorf("realtime was told of %v", told)
	}
}

func (p platform) testGapless(t *testing.T) {
	const writers, batches, size = 8, 25, 4
	rooms := []uuid.UUID{p.room(t, "mina"), p.room(t, "mina"), p.room(t, "mina")}
	var group errgroup.Group
	for w := range writers {
		group.Go(func() error {
			for b := range batches {
				var batch []NewMessage
				for i := range size { // Each in another order, which would deadlock if rooms were locked as they come.
					batch = append(batch, say(rooms[(w+b+i)%len(rooms)], "mina", fmt.Sprint(w, "/", b, "/", i)))
				}
				results, err := p.append(t, w%2, batch...)
				if err != nil {
					return err
				}
				for _, r := range results {
					if r.Seq == 0 {
						return fmt.Errorf("refused: %v", r)
					}
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, room := range rooms {
		for after := int64(0); ; after += 100 {
			h, err := p.history(t, room, "mina", fmt.Sprintf("?after=%d&limit=100", after))
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range h.Items {
				if m.Seq != after+int64(i)+1 {
					t.Fatalf("message %d where %d had to follow", m.Seq, after+int64(i)+1)
				}
			}
			if total += len(h.Items); len(h.Items) < 100 {
				break
			}
		}
	}
	if want := writers * batches * size; total != want {
		t.Errorf("%d messages are stored, want %d", total, want)
	}
	db, err := pgx.Connect(t.Context(), p.DSN("message"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	var deadlocks int
	if err := db.QueryRow(t.Context(), `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&deadlocks); err != nil || deadlocks > 0 {
		t.Errorf("%d deadlocks, %v", deadlocks, err)
	}
}

func (p platform) testHistory(t *testing.T) {
	room := p.room(t, "mina")
	var batch []NewMessage
	for i := range 10 {
		batch = append(batch, say(room, "mina", fmt.Sprint(i+1)))
	}
	if _, err := p.append(t, 0, batch...); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]int64{
		"":                  {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		"?limit=3":          {8, 9, 10},
		"?before=8&limit=3": {5, 6, 7},
		"?before=1":         nil,
		"?after=0&limit=3":  {1, 2, 3},
		"?after=8":          {9, 10},
		"?after=10":         nil,
	} {
		h, err := p.history(t, room, "mina", query)
		var got []int64
		for _, m := range h.Items {
			got = append(got, m.Seq)
		}
		if err != nil || !slices.Equal(got, want) || h.Head != 10 {
			t.Errorf("%q: %v, head %d, %v; want %v", query, got, h.Head, err, want)
		}
	}
	for _, query := range []string{"?before=3&after=1", "?limit=0", "?limit=101", "?before=0", "?after=-2"} {
		if _, err := p.history(t, room, "mina", query); problem.From(err).Code != problem.CodeValidation {
			t.Errorf("%q: %v, want validation", query, err)
		}
	}
	if _, err := p.Do(t.Context(), standin.Request{Method: http.MethodGet, Path: "/api/message/rooms/" + room.String() + "/messages"}, nil); problem.From(err).Code != problem.CodeUnauthenticated {
		t.Errorf("without a token: %v", err)
	}
	var heads struct{ Heads map[uuid.UUID]int64 }
	_, err := p.Do(t.Context(), standin.Request{
		Method: http.MethodPost, Path: "/internal/heads", Caller: "realtime", Body: map[string]any{"rooms": []uuid.UUID{room, uuid.New()}},
	}, &heads)
	if diff := cmp.Diff(map[uuid.UUID]int64{room: 10}, heads.Heads); err != nil || diff != "" {
		t.Errorf("heads: %v %s", err, diff)
	}
}
