package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/postgres"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
)

// topicMemberChanged tells of each membership that began or ended.
const topicMemberChanged = "chat.member.changed"

// memberChanged is the data of chat.member.changed.
type memberChanged struct {
	RoomID   uuid.UUID `json:"roomId"`
	UserID   string    `json:"userId"`
	UserName string    `json:"userName"`
	Member   bool      `json:"member"`
	// Announce says whether the room is to be told.
	Announce bool      `json:"announce"`
	Version  int64     `json:"version"`
	At       time.Time `json:"at"`
}

// codeRoomFull is of the problem that a room without a free seat answers.
const codeRoomFull = "room_full"

func roomFull(maxPersonnel int) error {
	return problem.Conflict(codeRoomFull, "The room has %d of %[1]d members.", maxPersonnel)
}

type joinOutput struct {
	Body struct {
		Room    Room `json:"room"`
		Entered bool `json:"entered" doc:"False when I was a member already."`
	}
}

func (s *service) join(ctx context.Context, in *RoomPath) (*joinOutput, error) {
	user := token.From(ctx).ID
	out := new(joinOutput)
	var err error
	// A look costs little; it spares whoever can't get in the queue, and those in the queue the transaction.
	if out.Body.Room, err = s.look(ctx, in.ID, user); err != nil || out.Body.Room.Joined {
		return out, err
	}
	done, err := s.queue.wait(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	defer done()
	if out.Body.Room, err = s.look(ctx, in.ID, user); err != nil || out.Body.Room.Joined {
		return out, err
	}
	err = s.out.InTx(ctx, func(tx pgx.Tx) error {
		if out.Body.Entered, err = s.takeSeat(ctx, tx, in.ID, user); err != nil {
			return err
		}
		out.Body.Room, err = selectRoom(ctx, tx, in.ID, user)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// look returns a room that the user is a member of or can try to join.
func (s *service) look(ctx context.Context, id uuid.UUID, user string) (Room, error) {
	room, err := selectRoom(ctx, s.db, id, user)
	if err == nil && !room.Joined && room.full() {
		err = roomFull(room.MaxPersonnel)
	}
	return room, err
}

// takeSeat makes the user a member and says whether they were none. The room's row is locked first: changes of one room's members
// follow each other, which is also what gives join_no its order.
func (s *service) takeSeat(ctx context.Context, tx pgx.Tx, id uuid.UUID, user string) (entered bool, err error) {
	name, err := lockUser(ctx, tx, user)
	if err != nil {
		return false, err
	}
	var maxPersonnel int
	err = tx.QueryRow(ctx, `SELECT max_personnel FROM rooms WHERE id = $1 FOR UPDATE`, id).Scan(&maxPersonnel)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, errRoomNotFound
	}
	if err != nil {
		return false, fmt.Errorf("lock room %s: %w", id, err)
	}
	entered, err = s.addMember(ctx, tx, id, user, name)
	if postgres.IsCheck(err, "room_capacity") {
		return false, roomFull(maxPersonnel)
	}
	return entered, err
}

// addMember begins or takes up again a membership, unless it lasts, and tells of it.
func (s *service) addMember(ctx context.Context, tx pgx.Tx, id uuid.UUID, user, name string) (entered bool, err error) {
	changed := memberChanged{RoomID: id, UserID: user, UserName: name, Member: true, Announce: true}
	err = tx.QueryRow(ctx, `INSERT INTO members (room_id, user_id) VALUES ($1, $2)
		ON CONFLICT (room_id, user_id) DO UPDATE
			SET left_at = NULL, joined_at = now(), join_no = nextval('joins'), version = members.version + 1
			WHERE members.left_at IS NOT NULL
		RETURNING version, joined_at`, id, user).Scan(&changed.Version, &changed.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("add %s to room %s: %w", user, id, err)
	}
	changed.At = changed.At.UTC()
	return true, s.out.Add(ctx, tx, outbox.Event{Topic: topicMemberChanged, Key: id.String(), Data: changed})
}
