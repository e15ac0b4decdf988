package main

import (
	"maps"
	"reflect"
	"slices"
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
	Status   string            `json:"status" enum:"pending,complete,partial,failed"`
	Version  int               `json:"version" doc:"Grows with each change; also the id of the event."`
	Deadline time.Time         `json:"deadline"`
	Services map[string]string `json:"services" doc:"pending, success, duplicate, failed, timeout, skipped or undone, by service."`
}

var typeOfRecord = reflect.TypeFor[Record]()

// history is a record as the state store keeps it: how it began and each change since, so that every event of its stream can be
// made again, by any replica.
type history struct {
	First   Record `json:"first"`
	Strict  bool   `json:"strict"`
	Changes []step `json:"changes"`
}

// step is one change of a record.
type step struct {
	Services map[string]string `json:"services"`
	Status   string            `json:"status"`
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

// refused says whether a service has come to something that fails a strict saga.
func refused(status string) bool { return status == duplicate || status == failed || status == timeout }

// answer notes a participant's answer and says whether it changed anything.
func (h *history) answer(r saga.Response) bool {
	last := h.last()
	before, asked := last.Services[r.ServiceName]
	if !asked || r.ServiceName == own {
		return false // Somebody who follows along, and whom nobody waits for.
	}
	after := map[string]string{saga.Success: success, saga.Duplicate: duplicate, saga.Fail: failed}[r.UserResponseStatus]
	if r.UserStatus == saga.Undo && after == success {
		after = undone
	}
	switch {
	case after == "" || after == before || before == undone:
		return false
	case r.UserStatus == saga.Undo && before != success && before != pending && before != timeout:
		return false // What was refused was not done, and so not undone.
	case r.UserStatus != saga.Undo && before != pending && before != timeout:
		return false
	}
	h.change(map[string]string{r.ServiceName: after})
	return true
}

// expire notes that those who have not answered are too late, and says whether there were any. While a saga is being undone, those
// who have not answered are also those that have succeeded.
func (h *history) expire() bool {
	late, failing := map[string]string{}, h.failing()
	for name, status := range h.last().Services {
		if status == pending || (failing && status == success && name != own) {
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
	statuses := slices.Collect(maps.Values(now.Services))
	is := func(status string) func(string) bool { return func(s string) bool { return s == status } }
	status := pending
	switch {
	case !h.Strict && !slices.ContainsFunc(statuses, is(pending)):
		status = partial
		if !slices.ContainsFunc(statuses, func(s string) bool { return s != success }) {
			status = complete
		}
	case h.Strict && slices.ContainsFunc(statuses, refused):
		if !slices.ContainsFunc(statuses, is(pending)) && !h.participantsSucceeded(now) {
			status = failed
			services = maps.Clone(services)
			services[own] = undone
		}
	case h.Strict && !slices.ContainsFunc(statuses, is(pending)):
		status = complete
	}
	h.Changes = append(h.Changes, step{Services: services, Status: status})
}

// participantsSucceeded says whether some participant has done what must be undone and was not yet.
func (h *history) participantsSucceeded(r Record) bool {
	for name, status := range r.Services {
		if name != own && status == success {
			return true
		}
	}
	return false
}

// failing says whether a strict saga has to be undone.
func (h *history) failing() bool {
	for _, status := range h.last().Services {
		if h.Strict && refused(status) {
			return true
		}
	}
	return false
}
