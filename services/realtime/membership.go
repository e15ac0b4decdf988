package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"moim.dev/moim/services/internal/invoke"
	"moim.dev/moim/services/internal/problem"
)

// memberTTL is how long an answer about a membership is used: long enough that a reload or a burst of subscriptions asks
// once. A member who leaves is known at once from the event; see leftMember.
const memberTTL = 30 * time.Second

// membership names a user in a room.
type membership struct{ room, user string }

// members answers who is a member of which room. Chat knows; its answers are kept for a while.
type members struct {
	call  *http.Client
	mu    sync.Mutex
	known map[membership]known
}

// known is an answer of chat, or an event that the member left. The version grows with each change of the membership.
type known struct {
	member  bool
	version int64
	expires time.Time
}

func newMembers(call *http.Client) *members {
	return &members{call: call, known: map[membership]known{}}
}

// check returns the version of a user's membership of a room, or why there is none: not_a_member, not_found, unavailable.
func (m *members) check(ctx context.Context, room, user string) (version int64, err error) {
	key := membership{room, user}
	m.mu.Lock()
	k, ok := m.known[key]
	m.mu.Unlock()
	if ok && k.member && time.Now().Before(k.expires) {
		return k.version, nil
	}
	var answer struct {
		Member  bool  `json:"member"`
		Version int64 `json:"version"`
	}
	address := "http://chat/internal/rooms/" + url.PathEscape(room) + "/members/" + url.PathEscape(user)
	err = retry(ctx, func(ctx context.Context) error {
		return invoke.JSON(ctx, m.call, http.MethodGet, address, nil, &answer)
	})
	var p *problem.Error
	switch {
	case errors.As(err, &p) && p.Status == http.StatusNotFound:
		return 0, problem.NotFound(problem.CodeNotFound, "there is no such room")
	case err != nil:
		return 0, err
	case !answer.Member:
		return 0, errNotAMember
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.known[key]; !k.member && answer.Version < k.version {
		return 0, errNotAMember // The member left while the answer was on its way.
	}
	m.known[key] = known{member: true, version: answer.Version, expires: time.Now().Add(memberTTL)}
	return answer.Version, nil
}

// left notes that a membership ended with that version. An event of long ago, which a broker tells again, changes nothing.
func (m *members) left(room, user string, version int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := membership{room, user}
	if k, ok := m.known[key]; ok && k.version >= version {
		return
	}
	m.known[key] = known{version: version, expires: time.Now().Add(memberTTL)}
}

// leftSince says whether the membership of that version has ended, as far as is known.
func (m *members) leftSince(room, user string, version int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.known[membership{room, user}]
	return ok && !k.member && k.version > version
}

// forget drops what is known for too long.
func (m *members) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for key, k := range m.known {
		if now.After(k.expires) {
			delete(m.known, key)
		}
	}
}
