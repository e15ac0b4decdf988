package main

import (
	"slices"
	"testing"
	"time"

	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/test/client"
)

func (f *fixture) opensAccount(t *testing.T) {
	c, _ := f.both(t)
	id := newID("mina")
	if last := states(signUp(t, c, id).mustRest(t)); last[len(last)-1] != "complete success success success" {
		t.Fatalf("it went %q", last)
	}
	login(t, c, id)

	id = newID("chat-silent")
	stream := signUp(t, c, id)
	first := stream.mustNext(t)
	if _, err := c.LogIn(t.Context(), id, password); client.Code(err) != "invalid_credentials" {
		t.Errorf("before all have succeeded: %v, want invalid_credentials", err)
	}
	f.answer(t, first, saga.Create, saga.Success)
	if last := states(stream.mustRest(t)); last[len(last)-1] != "complete success success success" {
		t.Fatalf("it went %q", last)
	}
	login(t, c, id)
}

// isGoneEverywhere says whether nothing is left of a user.
func (f *fixture) isGoneEverywhere(t *testing.T, id string) bool {
	t.Helper()
	return one[int](t, f, `SELECT (SELECT count(*) FROM auth.accounts WHERE user_id = $1) +
		(SELECT count(*) FROM chat.copies WHERE user_id = $1) + (SELECT count(*) FROM customer.copies WHERE user_id = $1)`, id) == 0
}

func (f *fixture) undoesRefused(t *testing.T) {
	c, _ := f.both(t)
	for what, want := range map[string]string{
		"chat-duplicate": "failed undone duplicate undone",
		"customer-fail":  "failed undone undone failed",
	} {
		id := newID(what)
		records := signUp(t, c, id).mustRest(t)
		if got := states(records); got[len(got)-1] != want {
			t.Errorf("%s: %q, want %s at last", what, got, want)
		}
		if !f.isGoneEverywhere(t, id) {
			t.Errorf("%s: something is left", what)
		}
		if _, err := c.LogIn(t.Context(), id, password); client.Code(err) != "invalid_credentials" {
			t.Errorf("%s: logging in: %v, want invalid_credentials", what, err)
		}
		if again := states(signUp(t, c, id).mustRest(t)); again[0] != "pending success pending pending" {
			t.Errorf("%s: the id is not free again: %q", what, again)
		}
	}
}

func (f *fixture) undoesLate(t *testing.T) {
	c, other := f.both(t)
	id := newID("chat-silent")
	records := signUp(t, c, id).mustRest(t)
	want := []string{"pending success pending pending", "pending success pending success", "pending undone timeout success"}
	got := states(records)
	// Chat, too, says that it has undone what it was asked; nobody waits for that.
	if last := records[len(records)-1]; !slices.Equal(got[:3], want) || last.Status != failed || last.Services["customer"] != undone {
		t.Fatalf("it went %q", got)
	}
	if !f.isGoneEverywhere(t, id) {
		t.Error("something is left")
	}
	f.answer(t, records[0], saga.Create, saga.Success)
	f.answer(t, records[0], saga.Create, saga.Success)
	if _, err := c.LogIn(t.Context(), id, password); client.Code(err) != "invalid_credentials" {
		t.Errorf("after a late success: %v, want invalid_credentials", err)
	}
	if last := resume(t, other, records[0].ID, 4).mustRest(t); last[len(last)-1].Status != failed {
		t.Errorf("after a late success it is %v", last)
	}
}

func (f *fixture) endsOrphans(t *testing.T) {
	c, other := f.both(t)
	id := newID("customer-silent")
	stream := signUp(t, c, id)
	first := stream.mustNext(t)
	f.StopProcess(t.Context(), "auth-0")
	rest := resume(t, other, first.ID, 1).mustRest(t)
	if last := rest[len(rest)-1]; last.Status != failed || last.Services["auth"] != undone {
		t.Errorf("it went on with %q", states(rest))
	}
	if state := one[string](t, f, `SELECT state FROM auth.sagas WHERE id = $1`, first.ID); state != stateFinished {
		t.Errorf("the saga is %s", state)
	}
	eventually(t, 10*time.Second, "gone everywhere", func() bool { return f.isGoneEverywhere(t, id) })
	f.startReplica(t, "auth-0")
}

func (f *fixture) endsLost(t *testing.T) {
	c, other := f.both(t)
	id := newID("chat-silent")
	stream := signUp(t, c, id)
	first := stream.mustNext(t)
	stream.mustNext(t) // Customer has answered.
	f.RedisCommand(t, "DEL", "saga/"+first.ID)
	eventually(t, 15*time.Second, "finished", func() bool {
		return one[string](t, f, `SELECT state FROM auth.sagas WHERE id = $1`, first.ID) == stateFinished
	})
	eventually(t, 10*time.Second, "gone everywhere", func() bool { return f.isGoneEverywhere(t, id) })
	if rest := resume(t, other, first.ID, 0).mustRest(t); rest[len(rest)-1].Status != failed {
		t.Errorf("it went %q", states(rest))
	}
}

// staysUndone loses the record between a refusal, which the database has noted, and the answers to the undoing.
func (f *fixture) staysUndone(t *testing.T) {
	c, other := f.both(t)
	stream := signUp(t, c, newID("chat-silent"))
	first := stream.mustNext(t)
	stream.mustNext(t) // Customer has answered.
	_, err := f.db.Exec(t.Context(), `WITH gone AS (DELETE FROM auth.accounts WHERE saga_id = $1)
		UPDATE auth.sagas SET state = 'undoing' WHERE id = $1`, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	f.RedisCommand(t, "DEL", recordKey(first.ID))
	f.answer(t, first, saga.Undo, saga.Success)
	eventually(t, 20*time.Second, "finished", func() bool {
		return one[string](t, f, `SELECT state FROM auth.sagas WHERE id = $1`, first.ID) == stateFinished
	})
	rest := resume(t, other, first.ID, 0).mustRest(t)
	if last := states(rest)[len(rest)-1]; last != "failed undone undone timeout" {
		t.Errorf("it went %q", states(rest))
	}
}
