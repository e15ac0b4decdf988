package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/invoke"
	"moim.dev/moim/services/internal/problem"
)

// askTimeout bounds one question to chat.
const askTimeout = 3 * time.Second

var errNotAMember = problem.Forbidden(codeNotAMember, "you are not a member of this room")

// upsertMember stores a membership unless a later state of it is known.
const upsertMember = `INSERT INTO members (room_id, user_id, member, version) VALUES ($1, $2, $3, $4)
	ON CONFLICT (room_id, user_id) DO UPDATE SET member = excluded.member, version = excluded.version
	WHERE members.version < excluded.version`

// insertRoom makes the log of a room that has none yet.
const insertRoom = `INSERT INTO rooms (room_id) VALUES ($1) ON CONFLICT DO NOTHING`

// learn asks chat about memberships and stores what it says. It returns those that are refused.
func (l *log) learn(ctx context.Context, unknown []membership) (map[membership]*problem.Error, error) {
	refusals := make([]*problem.Error, len(unknown))
	var group errgroup.Group
	group.SetLimit(8)
	for i, m := range unknown {
		group.Go(func() (err error) {
			refusals[i], err = l.ask(ctx, m)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	refused := map[membership]*problem.Error{}
	for i, m := range unknown {
		refused[m] = refusals[i] // nil when chat says yes, which keeps m from being asked about again.
	}
	return refused, nil
}

func (l *log) ask(ctx context.Context, m membership) (refusal *problem.Error, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var answer struct {
		Member  bool  `json:"member"`
		Version int64 `json:"version"`
	}
	err = invoke.JSON(ctx, l.call, http.MethodGet,
		"http://chat/internal/rooms/"+m.room.String()+"/members/"+url.PathEscape(m.user), nil, &answer)
	var p *problem.Error
	switch {
	case errors.As(err, &p) && p.Status == http.StatusNotFound:
		return problem.NotFound(problem.CodeNotFound, "there is no such room"), nil
	case err != nil:
		return nil, err
	}
	if !answer.Member {
		return errNotAMember, nil
	}
	batch := &pgx.Batch{}
	batch.Queue(insertRoom, m.room)
	batch.Queue(upsertMember, m.room, m.user, true, answer.Version)
	if err := l.db.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("store membership: %w", err)
	}
	return nil, nil
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
	refusal, err := l.ask(ctx, m)
	if err == nil && refusal != nil {
		return refusal
	}
	return err
}

// memberChanged keeps the copy of memberships, and announces in the log who came or left.
func (l *log) memberChanged(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var change struct {
		RoomID   uuid.UUID `json:"roomId"`
		UserID   string    `json:"userId"`
		UserName string    `json:"userName"`
		Member   bool      `json:"member"`
		Announce bool      `json:"announce"`
		Version  int64     `json:"version"`
		At       time.Time `json:"at"`
	}
	if err := e.Decode(&change); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(insertRoom, change.RoomID)
	batch.Queue(upsertMember, change.RoomID, change.UserID, change.Member, change.Version)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store membership: %w", err)
	}
	if !change.Announce {
		return nil
	}
	var seq int64
	err := tx.QueryRow(ctx, `UPDATE rooms SET last_seq = last_seq + 1 WHERE room_id = $1 RETURNING last_seq`, change.RoomID).Scan(&seq)
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	m := Message{
		RoomID: change.RoomID, Seq: seq, Type: typeLeave, SenderID: change.UserID, SenderName: change.UserName,
		Key: e.ID, SentAt: change.At.UTC().Truncate(time.Microsecond),
	}
	if change.Member {
		m.Type = typeEnter
	}
	return write(ctx, tx, []Message{m}, map[uuid.UUID]int64{m.RoomID: seq})
}

// roomClosed has nothing more appended to a room.
func (l *log) roomClosed(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var closed struct {
		RoomID uuid.UUID `json:"roomId"`
	}
	if err := e.Decode(&closed); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO rooms (room_id, closed) VALUES ($1, true) ON CONFLICT (room_id) DO UPDATE SET closed = true`, closed.RoomID)
	if err != nil {
		return fmt.Errorf("close room: %w", err)
	}
	return nil
}
