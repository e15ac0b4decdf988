package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/token"
)

const (
	// topicMemberLeft reaches every replica of realtime, which ends the member's subscriptions.
	topicMemberLeft = "chat.member.left"
	topicRoomClosed = "chat.room.closed"
)

type memberLeft struct {
	RoomID  uuid.UUID `json:"roomId"`
	UserID  string    `json:"userId"`
	Version int64     `json:"version"`
}

type roomClosed struct {
	RoomID uuid.UUID `json:"roomId"`
	At     time.Time `json:"at"`
}

func (s *service) leave(ctx context.Context, in *RoomPath) (*struct{}, error) {
	return nil, s.out.InTx(ctx, func(tx pgx.Tx) error {
		return s.endMembership(ctx, tx, in.ID, token.From(ctx).ID)
	})
}

// endMembership ends a membership, closes the room if it was the last, and tells of both. Without a membership it does nothing.
func (s *service) endMembership(ctx context.Context, tx pgx.Tx, id uuid.UUID, user string) error {
	var personnel int
	err := tx.QueryRow(ctx, `SELECT personnel FROM rooms WHERE id = $1 FOR UPDATE`, id).Scan(&personnel)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lock room %s: %w", id, err)
	}
	last := personnel == 1
	// Nobody is left to be told that the last member left.
	changed := memberChanged{RoomID: id, UserID: user, Announce: !last}
	err = tx.QueryRow(ctx, `UPDATE members SET left_at = now(), version = version + 1
		FROM users WHERE room_id = $1 AND members.user_id = $2 AND left_at IS NULL AND users.user_id = members.user_id
		RETURNING version, left_at, users.name`, id, user).Scan(&changed.Version, &changed.At, &changed.UserName)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end membership of %s in room %s: %w", user, id, err)
	}
	changed.At = changed.At.UTC()
	tell := []outbox.Event{
		{Topic: topicMemberChanged, Key: id.String(), Data: changed},
		{PubSub: app.PubSubFanout, Topic: topicMemberLeft, Key: id.String(), Data: memberLeft{id, user, changed.Version}},
	}
	if last {
		if _, err := tx.Exec(ctx, `DELETE FROM rooms WHERE id = $1`, id); err != nil {
			return fmt.Errorf("close room %s: %w", id, err)
		}
		tell = append(tell, outbox.Event{Topic: topicRoomClosed, Key: id.String(), Data: roomClosed{id, changed.At}})
	}
	for _, e := range tell {
		if err := s.out.Add(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}
