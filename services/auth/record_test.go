package main

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moim.dev/moim/services/internal/saga"
)

// event is what happens to a saga: an answer, or, when it names nobody, that the time is over.
type event struct{ service, asked, answer string }

func TestRecord(t *testing.T) {
	created := func(service, answer string) event { return event{service, saga.Create, answer} }
	undo := func(service string) event { return event{service, saga.Undo, saga.Success} }
	late := event{}

	for name, c := range map[string]struct {
		strict bool
		events []event
		want   []string // status auth chat customer, of each version after the first
	}{
		"lenient: all succeed": {false, []event{created("chat", saga.Success), created("customer", saga.Success)}, []string{
			"pending success success pending", "complete success success success"}},
		"lenient: a duplicate leaves the account": {false, []event{created("chat", saga.Duplicate), created("customer", saga.Success)}, []string{
			"pending success duplicate pending", "partial success duplicate success"}},
		"lenient: a failure leaves the account": {false, []event{created("customer", saga.Fail), created("chat", saga.Success)}, []string{
			"pending success pending failed", "partial success success failed"}},
		"lenient: who is late is shown, and then counts after all": {false, []event{created("chat", saga.Success), late, created("customer", saga.Success)}, []string{
			"pending success success pending", "partial success success timeout", "complete success success success"}},
		"the same answer again changes nothing": {false, []event{created("chat", saga.Success), created("chat", saga.Success)}, []string{
			"pending success success pending"}},
		"another answer than before changes nothing": {false, []event{created("chat", saga.Success), created("chat", saga.Fail)}, []string{
			"pending success success pending"}},
		"answers of those who were not asked change nothing": {false, []event{created("user", saga.Success), created("auth", saga.Fail)}, nil},
		"an answer that nobody knows changes nothing":        {false, []event{created("chat", "MAYBE")}, nil},
		"when everybody has answered no time is over":        {false, []event{created("chat", saga.Success), created("customer", saga.Success), late}, []string{"pending success success pending", "complete success success success"}},

		"strict: all succeed": {true, []event{created("chat", saga.Success), created("customer", saga.Success)}, []string{
			"pending success success pending", "complete success success success"}},
		"strict: a duplicate undoes what the others did": {true, []event{created("customer", saga.Success), created("chat", saga.Duplicate), undo("customer"), undo("chat")}, []string{
			"pending success pending success", "pending undone duplicate success", "failed undone duplicate undone"}},
		"strict: who has not answered yet is waited for": {true, []event{created("chat", saga.Fail), created("customer", saga.Success), undo("customer")}, []string{
			"pending undone failed pending", "pending undone failed success", "failed undone failed undone"}},
		"strict: both refuse": {true, []event{created("chat", saga.Duplicate), created("customer", saga.Duplicate)}, []string{
			"pending undone duplicate pending", "failed undone duplicate duplicate"}},
		"strict: the undoing is answered before the creation": {true, []event{created("chat", saga.Fail), undo("customer"), created("customer", saga.Fail)}, []string{
			"pending undone failed pending", "failed undone failed undone"}},
		"strict: who is late fails it": {true, []event{created("chat", saga.Success), late, undo("chat")}, []string{
			"pending success success pending", "pending undone success timeout", "failed undone undone timeout"}},
		"strict: nobody answers at all": {true, []event{late}, []string{"failed undone timeout timeout"}},
		"strict: nobody confirms the undoing": {true, []event{created("chat", saga.Success), late, late}, []string{
			"pending success success pending", "pending undone success timeout", "failed undone timeout timeout"}},
		"strict: what was undone never completes, however late the answer": {true,
			[]event{late, created("chat", saga.Success), created("customer", saga.Success), undo("chat"), undo("customer")}, []string{
				"failed undone timeout timeout", "failed undone success timeout", "failed undone success success",
				"failed undone undone success", "failed undone undone undone"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(Record{UserID: "mina"}, c.strict, []string{"chat", "customer"})
			for _, e := range c.events {
				before := h.version()
				changed := false
				if e == late {
					changed = h.expire()
				} else {
					changed = h.answer(saga.Response{ServiceName: e.service, UserStatus: e.asked, UserResponseStatus: e.answer})
				}
				if changed != (h.version() > before) {
					t.Errorf("%v: changed is %v, version %d after %d", e, changed, h.version(), before)
				}
			}
			var got []string
			for v := 2; v <= h.version(); v++ {
				r := h.at(v)
				got = append(got, fmt.Sprint(r.Status, " ", r.Services["auth"], " ", r.Services["chat"], " ", r.Services["customer"]))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
			if first := h.at(1); first.Status != pending || first.Services["chat"] != pending || first.Version != 1 {
				t.Errorf("the first version is not kept: %v", first)
			}
		})
	}
}

func TestRecordWithoutParticipants(t *testing.T) {
	if h := newHistory(Record{}, true, nil); h.last().Status != complete {
		t.Errorf("a saga that asks nobody is %s", h.last().Status)
	}
}

func TestRecordOfATakenID(t *testing.T) {
	r := newHistory(Record{}, false, []string{"chat", "customer"}).taken()
	want := map[string]string{"auth": duplicate, "chat": skipped, "customer": skipped}
	if diff := cmp.Diff(want, r.Services); diff != "" || r.Status != failed {
		t.Errorf("%s (-want +got):\n%s", r.Status, diff)
	}
}
