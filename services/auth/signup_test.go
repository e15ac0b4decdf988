package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/test/client"
)

func (f *fixture) streamsAnswers(t *testing.T) {
	c, _ := f.both(t)
	id := newID("mina")
	stream := signUp(t, c, id)
	first := stream.mustNext(t)
	if first.UserID != id || first.UserName != "Mina" || first.Kind != "signup" || first.Version != 1 || time.Until(first.Deadline) < 0 {
		t.Errorf("the first record is %+v", first)
	}
	records := append([]Record{first}, stream.mustRest(t)...)
	got := states(records)
	want := []string{"pending success pending pending", "", "complete success success success"}
	if len(got) == 3 {
		got[1] = "" // Either may be the first to answer.
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	login(t, c, id)
}

func (f *fixture) refusesInput(t *testing.T) {
	c, _ := f.both(t)
	for name, in := range map[string]map[string]string{
		"body.userId":   {"userId": "Mina", "userName": "Mina", "password": password},
		"body.userName": {"userId": "mina", "userName": "  ", "password": password},
		"body.password": {"userId": "mina", "userName": "Mina", "password": "tooshort9"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c, name, in) })
	}
	for name, userName := range map[string]string{"a name with a NUL": "Mi\x00na", "a name of two lines": "Mi\nna", "a name with a DEL": "Mina\x7f",
		"a name of Korean blanks": "\u3000\u3164", "a name that turns the line around": "Mina\u202eanim"} {
		t.Run(name, func(t *testing.T) {
			refused(t, c, "body.userName", map[string]string{"userId": "mina", "userName": userName, "password": password})
		})
	}
	t.Run("the administrator's id", func(t *testing.T) {
		refused(t, c, "body.userId", map[string]string{"userId": "admin", "userName": "Admin", "password": password})
	})
	t.Run("a password that is the user id", func(t *testing.T) {
		refused(t, c, "body.password", map[string]string{"userId": "mina-the-great", "userName": "Mina", "password": "Mina-The-Great"})
	})
}

func refused(t *testing.T, c client.Client, field string, in any) {
	t.Helper()
	err := (&client.Session{Client: c}).Do(t.Context(), http.MethodPost, "/api/auth/users", in, nil)
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Field != field {
		t.Errorf("answered %v, want 422 for %s", err, field)
	}
}

func (f *fixture) refusesTakenID(t *testing.T) {
	c, other := f.both(t)
	id := newUser(t, c)
	records := signUp(t, other, id).mustRest(t)
	if diff := cmp.Diff([]string{"failed duplicate skipped skipped"}, states(records)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// answersRepetition: who did not get the answer asks again, and is not told that the id, which is theirs, is taken.
func (f *fixture) answersRepetition(t *testing.T) {
	c, other := f.both(t)
	id, key := newID("again"), http.Header{"Idempotency-Key": {"key-of-" + newID("again")}}
	signUp := func(c client.Client, header http.Header, password string) []Record {
		t.Helper()
		stream, err := openStream(t.Context(), c, http.MethodPost, "/api/auth/users", header,
			map[string]string{"userId": id, "userName": "Mina", "password": password})
		if err != nil {
			t.Fatal(err)
		}
		return stream.mustRest(t)
	}
	first := signUp(c, key, password)
	if diff := cmp.Diff(first, signUp(other, key, password)); diff != "" {
		t.Errorf("the repetition (-want +got):\n%s", diff)
	}
	for name, records := range map[string][]Record{
		"with another key":      signUp(other, http.Header{"Idempotency-Key": {"another"}}, password),
		"without a key":         signUp(other, nil, password),
		"with another password": signUp(other, key, "another horse battery"),
	} {
		if diff := cmp.Diff([]string{"failed duplicate skipped skipped"}, states(records)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func (f *fixture) letsOneOfTwoWin(t *testing.T) {
	first, second := f.both(t)
	for range 5 {
		id := newID("two")
		var mu sync.Mutex
		var last []string
		var group errgroup.Group
		for _, c := range []client.Client{first, second} {
			group.Go(func() error {
				stream, err := openStream(t.Context(), c, http.MethodPost, "/api/auth/users", nil,
					map[string]string{"userId": id, "userName": "Mina", "password": password})
				if err != nil {
					return err
				}
				records, err := stream.rest()
				mu.Lock()
				defer mu.Unlock()
				last = append(last, states(records)[len(records)-1])
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(last)
		if diff := cmp.Diff([]string{"complete success success success", "failed duplicate skipped skipped"}, last); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// keepsAccount: in lenient form auth keeps a user whom another service refused.
func (f *fixture) keepsAccount(t *testing.T) {
	c, _ := f.both(t)
	for what, want := range map[string]string{
		"chat-duplicate": "partial success duplicate success",
		"customer-fail":  "partial success success failed",
	} {
		id := newID(what)
		got := states(signUp(t, c, id).mustRest(t))
		if len(got) != 3 || got[2] != want {
			t.Errorf("%s: %q, want %s at last", what, got, want)
		}
		login(t, c, id)
	}
}

func (f *fixture) showsWhoIsLate(t *testing.T) {
	c, other := f.both(t)
	records := signUp(t, c, newID("chat-silent")).mustRest(t)
	want := []string{"pending success pending pending", "pending success pending success", "partial success timeout success"}
	if diff := cmp.Diff(want, states(records)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}

	f.answer(t, records[0], saga.Create, saga.Success)
	want = append(want, "complete success success success")
	eventually(t, 10*time.Second, "complete after all", func() bool {
		return cmp.Equal(want, states(resume(t, other, records[0].ID, 0).mustRest(t)))
	})
	if again := resume(t, other, records[0].ID, 4).mustRest(t); len(again) != 1 || again[0].Version != 4 {
		t.Errorf("who has seen everything gets %v, want the last event", again)
	}
}

// answer publishes what chat, which is silent, has not.
func (f *fixture) answer(t *testing.T, r Record, asked, answer string) {
	t.Helper()
	f.publish(t, saga.TopicResponse, saga.Response{
		EventID: r.ID, Date: time.Now(), UserID: r.UserID, UserStatus: asked, UserResponseStatus: answer, ServiceName: "chat",
	})
}

// publish publishes an event as chat.
func (f *fixture) publish(t *testing.T, topic string, event any) {
	t.Helper()
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	sidecar, token := f.Sidecar("chat-0")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+sidecar+"/v1.0/publish/events/"+topic, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("dapr-api-token", token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("publish: %s", resp.Status)
	}
}

func (f *fixture) resumesElsewhere(t *testing.T) {
	c, other := f.both(t)
	stream := signUp(t, c, newID("chat-silent"))
	first := stream.mustNext(t)
	if err := f.Kill("auth-0"); err != nil {
		t.Fatal(err)
	}
	goesOnLate(t, resume(t, other, first.ID, first.Version).mustRest(t))
	f.startReplica(t, "auth-0")
}

// goesOnLate checks the rest of a stream after its first event: chat is late. Customer may be late, too: the sidecar of a replica that
// was just restarted keeps an event to itself for some seconds.
func goesOnLate(t *testing.T, rest []Record) {
	t.Helper()
	if last := rest[len(rest)-1]; rest[0].Version != 2 || last.Status != partial || last.Services["chat"] != timeout {
		t.Errorf("it went on with %v", rest)
	}
}

// endsWhenDraining: a replica that is to stop ends its streams, and another one goes on.
func (f *fixture) endsWhenDraining(t *testing.T) {
	c, other := f.both(t)
	stream := signUp(t, c, newID("chat-silent"))
	first := stream.mustNext(t)
	f.StopProcess(t.Context(), "auth-0")
	for _, r := range stream.mustRest(t) {
		if r.Status != pending {
			t.Errorf("the stream went on to its end: %v", r)
		}
	}
	goesOnLate(t, resume(t, other, first.ID, first.Version).mustRest(t))
	f.startReplica(t, "auth-0")
}

// finishesEvents: what a replica is at when it is to stop, here held up by a lock, it does to its end.
func (f *fixture) finishesEvents(t *testing.T) {
	c, _ := f.both(t)
	stream := signUp(t, c, newID("chat-silent"))
	first := stream.mustNext(t)
	stream.mustNext(t) // Customer has answered.
	lock, err := f.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback(t.Context()) //nolint:errcheck // It has been committed unless the test has failed.
	if _, err := lock.Exec(t.Context(), `SELECT FROM auth.sagas WHERE id = $1 FOR UPDATE`, first.ID); err != nil {
		t.Fatal(err)
	}
	f.answer(t, first, saga.Create, saga.Success)
	eventually(t, 10*time.Second, "held up", func() bool {
		return one[int](t, f, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'moim-auth' AND wait_event_type = 'Lock' AND query LIKE '%FROM sagas%'`) > 0
	})
	var stopped sync.WaitGroup
	for _, name := range []string{"auth-0", "auth-1"} {
		stopped.Go(func() { f.StopProcess(t.Context(), name) })
		defer f.startReplica(t, name)
	}
	stream.mustRest(t) // It ends when the replica drains.
	if err := lock.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	stopped.Wait()
	if record := f.RedisCommand(t, "HGET", recordKey(first.ID), "data"); !strings.Contains(record, `{"services":{"chat":"success"}`) {
		t.Errorf("the answer is not in the record: %s", record)
	}
}

// startReplica starts a replica that was stopped or killed.
func (f *fixture) startReplica(t *testing.T, name string) {
	t.Helper()
	f.StartProcess(name)
	f.awaitReplica(t, name)
}

// awaitReplica waits until a replica and its sidecar, which looks at its health once a second, work again.
func (f *fixture) awaitReplica(t *testing.T, name string) {
	t.Helper()
	for _, process := range []string{name, name + "/daprd"} {
		if err := f.WaitReady(t.Context(), process); err != nil {
			t.Fatal(err)
		}
	}
}

// hearsAgain: a stream does not miss what happened while its replica's connection to the database was lost.
func (f *fixture) hearsAgain(t *testing.T) {
	c, _ := f.both(t)
	stream := signUp(t, c, newID("chat-silent"))
	first := stream.mustNext(t)
	if next := stream.mustNext(t); next.Services["customer"] != success {
		t.Fatalf("customer has not answered: %v", next)
	}
	if n := one[int](t, f, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`); n < 2 {
		t.Fatalf("%d replicas were listening, want 2", n)
	}
	f.answer(t, first, saga.Create, saga.Success)
	rest := states(stream.mustRest(t))
	if diff := cmp.Diff([]string{"complete success success success"}, rest); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func (f *fixture) knowsNoOtherSaga(t *testing.T) {
	c, _ := f.both(t)
	if _, err := c.Watch(t.Context(), "7d9e5a0e-6a43-4c3f-9b55-0d1bd2f2a111", 0); client.Code(err) != "not_found" {
		t.Errorf("an unknown saga: %v, want not_found", err)
	}
	if _, err := c.Watch(t.Context(), "everything", 0); client.Code(err) != "validation" {
		t.Errorf("no id of a saga: %v, want validation", err)
	}
}
