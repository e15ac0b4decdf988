package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
)

const (
	// askTimeout bounds the questions to chat that an append or a reader waits for, questions how many are asked at once.
	askTimeout = 2 * time.Second
	questions  = 16
)

// insertRoom makes the log of a room that has none yet.
const insertRoom = `INSERT INTO rooms (room_id) VALUES ($1) ON CONFLICT DO NOTHING`

// upsertMember stores a membership as chat answered unless a later state of it is known.
const upsertMember = `INSERT INTO members (room_id, user_id, member, version) VALUES ($1, $2, true, $3)
	ON CONFLICT (room_id, user_id) DO UPDATE SET member = true, version = excluded.version
	WHERE members.version < excluded.version`

// membership is a user in a room.
type membership struct {
	room uuid.UUID
	user string
}

// standing is what chat says of a membership.
type standing struct {
	membership
	version int64
	// refusal is why the user may not write or read: no member, no such room, or chat could not be asked.
	refusal *problem.Error
}

// learn asks chat about the memberships of entries, stores the copies of those that there are, and returns their entries. The others
// are refused.
func (l *log) learn(ctx context.Context, entries []*entry) (members []*entry, err error) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	standings := map[membership]*standing{}
	var group errgroup.Group
	group.SetLimit(questions)
	for _, e := range entries {
		m := membership{e.RoomID, e.SenderID}
		if standings[m] != nil {
			continue
		}
		s := &standing{membership: m}
		standings[m] = s
		group.Go(func() error {
			l.ask(asking, s)
			return nil
		})
	}
	_ = group.Wait() // None of them returns an error.

	var known []*standing
	for _, s := range standings {
		if s.refusal == nil {
			known = append(known, s)
		}
	}
	if err := l.keep(ctx, known...); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if s := standings[membership{e.RoomID, e.SenderID}]; s.refusal != nil {
			e.refuse(s.refusal)
			continue
		}
		e.asked = true
		members = append(members, e)
	}
	return members, nil
}

// ask asks chat about a membership.
func (l *log) ask(ctx context.Context, s *standing) {
	version, err := rooms.Member(ctx, l.call, s.room.String(), s.user)
	switch {
	case err == nil:
		s.version = version
	case errors.Is(err, rooms.ErrNoRoom):
		s.refusal = rooms.ErrNoRoom
	case errors.Is(err, rooms.ErrNotAMember):
		s.refusal = rooms.ErrNotAMember
	default:
		s.refusal = errUnknown
	}
}

// keep stores copies of memberships, in the order of their keys so that no two replicas wait for each other.
func (l *log) keep(ctx context.Context, known ...*standing) error {
	if len(known) == 0 {
		return nil
	}
	slices.SortFunc(known, func(a, b *standing) int {
		return cmp.Or(bytes.Compare(a.room[:], b.room[:]), cmp.Compare(a.user, b.user))
	})
	batch := &pgx.Batch{}
	for _, s := range known {
		batch.Queue(insertRoom, s.room)
	}
	for _, s := range known {
		batch.Queue(upsertMember, s.room, s.user, s.version)
	}
	if err := l.db.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store memberships: %w", err)
	}
	return nil
}

// member returns nil for a member of the room, and otherwise why not.
func (l *log) member(ctx context.Context, m membership) error {
	var member bool
	err := l.db.QueryRow(ctx, `SELECT member FROM members WHERE room_id = $1 AND user_id = $2`, m.room, m.user).Scan(&member)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("look up membership: %w", err)
	}
	if member {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s := &standing{membership: m}
	if l.ask(asking, s); s.refusal != nil {
		return s.refusal
	}
	return l.keep(ctx, s)
}
