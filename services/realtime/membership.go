package main

import (
	"context"
	"maps"
	"net/http"
	"sync"
	"time"

	"moim.dev/moim/services/internal/rooms"
)

// memberTTL is how long an answer about a membership is used: long enough that a reload or a burst of subscriptions asks
// once. A member who leaves is known at once from the event.
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
	err = retry(ctx, func(ctx context.Context) error {
		version, err = rooms.Member(ctx, m.call, room, user)
		return err
	})
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.known[key]; !k.member && version < k.version {
		return 0, rooms.ErrNotAMember // The member left while the answer was on its way.
	}
	m.known[key] = known{member: true, version: version, expires: time.Now().Add(memberTTL)}
	return version, nil
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

// doubt has chat asked anew about everybody who is known as a member.
func (m *members) doubt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.known, func(_ membership, k known) bool { return k.member })
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
