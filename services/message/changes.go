package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"moim.dev/moim/services/internal/events"
)

// changeMember stores a change of a membership that chat told of, unless a later one was told of. What chat answered when it was asked
// may be later than what it has told.
const changeMember = `INSERT INTO members (room_id, user_id, member, version, told) VALUES ($1, $2, $3, $4, $4)
	ON CONFLICT (room_id, user_id) DO UPDATE SET
		member = CASE WHEN members.version < excluded.version THEN excluded.member ELSE members.member END,
		version = greatest(members.version, excluded.version),
		told = excluded.told
	WHERE members.told < excluded.told`

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
	// The room comes first, as it does when messages are appended: whoever leaves has nothing stored after the LEAVE.
	var lastSeq int64
	var news bool
	batch := &pgx.Batch{}
	batch.Queue(insertRoom, change.RoomID)
	batch.Queue(`SELECT last_seq FROM rooms WHERE room_id = $1 FOR NO KEY UPDATE`, change.RoomID).QueryRow(func(row pgx.Row) error {
		return row.Scan(&lastSeq)
	})
	batch.Queue(changeMember, change.RoomID, change.UserID, change.Member, change.Version).Exec(func(tag pgconn.CommandTag) error {
		news = tag.RowsAffected() > 0
		return nil
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store membership of %s in %s: %w", change.UserID, change.RoomID, err)
	}
	if !news || !change.Announce {
		return nil
	}
	m := Message{
		RoomID: change.RoomID, Seq: lastSeq + 1, Type: typeLeave, SenderID: change.UserID, SenderName: change.UserName,
		Key: e.ID, SentAt: change.At.UTC().Truncate(time.Microsecond),
	}
	if change.Member {
		m.Type = typeEnter
	}
	batch = &pgx.Batch{}
	if err := queueWrite(ctx, batch, []Message{m}); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("announce %s in %s: %w", change.UserID, change.RoomID, err)
	}
	return nil
}

// roomClosed has no more messages appended to a room. Who leaves is announced all the same.
func (l *log) roomClosed(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var closed struct {
		RoomID uuid.UUID `json:"roomId"`
	}
	if err := e.Decode(&closed); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO rooms (room_id, closed) VALUES ($1, true)
		ON CONFLICT (room_id) DO UPDATE SET closed = true`, closed.RoomID)
	if err != nil {
		return fmt.Errorf("close room %s: %w", closed.RoomID, err)
	}
	return nil
}
