package main

import (
	"maps"
	"reflect"
	"time"

	"moim.dev/moim/services/internal/saga"
)

// Kinds of sagas.
const (
	kindSignup   = "signup"
	kindDeletion = "deletion"
)

// What a service, or the whole, has come to.
const (
	pending   = "pending"
	success   = "success"
	duplicate = "duplicate"
	failed    = "failed"
	timeout   = "timeout"
	skipped   = "skipped"
	undone    = "undone"
	complete  = "complete"
	partial   = "partial"
)

// own is auth's name among the services of a saga.
const own = "auth"

// Record is a saga as those who watch it see it. It holds no password and no hash.
type Record struct {
	ID       string            `json:"id" format:"uuid"`
	Kind     string            `json:"kind" enum:"signup,deletion"`
	UserID   string            `json:"userId"`
	UserName string            `json:"userName"`
	Status   string            `json:"status" enum:"pending,complete,partial,failed"`
	Version  int               `json:"version" doc:"Grows with each change; also the id of the event."`
	Deadline time.Time         `json:"deadline"`
	Services map[string]string `json:"services" doc:"pending, success, duplicate, failed, timeout, skipped or undone, by service."`
}

var typeOfRecord = reflect.TypeFor[Record]()

// history is a record as the state store keeps it: how it began and each change since, so that every event of its stream can be
// made again, by any replica.
type history struct {
	First  Record `json:"first"`
	Strict bool   `json:"strict"`
	// Failing says that a strict signup is undone, or is to be. It is never taken back, whatever is answered later.
	Failing bool   `json:"failing"`
	Changes []step `json:"changes"`
}

// step is one change of a record.
type step struct {
	Services map[string]string `json:"services"`
	Status   string            `json:"status"`
}

// newHistory is a saga in which each participant is to answer.
func newHistory(first Record, strict bool, participants []string) *history {
	first.Version, first.Status = 1, pending
	first.Services = map[string]string{own: success}
	for _, name := range participants {
		first.Services[name] = pending
	}
	if len(participants) == 0 {
		first.Status = complete
	}
	return &history{First: first, Strict: strict}
}

// fail makes a history that begins with a strict signup having failed.
func (h *history) fail() {
	h.Failing = true
	h.First.Services[own] = undone
}

// at is the record as of a version.
func (h *history) at(version int) Record {
	r := h.First
	r.Services = maps.Clone(h.First.Services)
	for _, c := range h.Changes[:version-1] {
		maps.Copy(r.Services, c.Services)
		r.Status = c.Status
	}
	r.Version = version
	return r
}

func (h *history) version() int { return len(h.Changes) + 1 }
func (h *history) last() Record { return h.at(h.version()) }

// undecide drops the changes since the record was pending.
func (h *history) undecide() {
	for len(h.Changes) > 0 && h.last().Status != pending {
		h.Changes = h.Changes[:len(h.Changes)-1]
	}
}

// taken is the record of a signup that auth itself refuses; nobody else is asked.
func (h *history) taken() Record {
	r := h.at(1)
	for name := range r.Services {
		r.Services[name] = skipped
	}
	r.Services[own], r.Status = duplicate, failed
	return r
}

// answer notes a participant's answer and says whether it changed anything.
func (h *history) answer(r saga.Response) bool {
	before, asked := h.last().Services[r.ServiceName]
	if !asked || r.ServiceName == own {
		return false // Somebody who follows along, and whom nobody waits for.
	}
	after := next(before, r)
	if after == before {
		return false
	}
	h.change(map[string]string{r.ServiceName: after})
	return true
}

// next is what an answer makes of a participant's status. A late answer counts. What was refused was not done, and so is not undone;
// what has been undone stays so, also when the answer of before the undoing arrives after it.
func next(before string, r saga.Response) string {
	undo := r.UserStatus == saga.Undo
	switch {
	case undo && r.UserResponseStatus == saga.Success && (before == pending || before == timeout || before == success):
		return undone
	case undo || before != pending && before != timeout:
		return before
	}
	switch r.UserResponseStatus {
	case saga.Success:
		return success
	case saga.Duplicate:
		return duplicate
	case saga.Fail:
		return failed
	}
	return before
}

// expire notes that those who have not answered are too late, and says whether there were any. While a saga is being undone, those
// are also the ones who have done what was asked first and not said that it is undone.
func (h *history) expire() bool {
	late := map[string]string{}
	for name, status := range h.last().Services {
		if status == pending || h.Failing && status == success && name != own {
			late[name] = timeout
		}
	}
	if len(late) > 0 {
		h.change(late)
	}
	return len(late) > 0
}

// change adds a step and works out what the whole has come to.
func (h *history) change(services map[string]string) {
	now := h.last()
	maps.Copy(now.Services, services)
	count := map[string]int{}
	for name, status := range now.Services {
		if name != own {
			count[status]++
		}
	}
	if h.Strict && !h.Failing && count[duplicate]+count[failed]+count[timeout] > 0 {
		h.Failing = true
		services[own] = undone
	}
	status := partial
	switch {
	case now.Status == failed, h.Failing && count[pending]+count[success] == 0:
		status = failed
	case h.Failing, count[pending] > 0:
		status = pending
	case count[success] == len(now.Services)-1:
		status = complete
	}
	h.Changes = append(h.Changes, step{Services: services, Status: status})
}
