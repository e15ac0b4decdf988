package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/page"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
)

var errNotAMember = problem.Forbidden("not_a_member", "Only members of the room may do this.")

// Member is one member of a room.
type Member struct {
	UserID   string    `json:"userId" example:"mina"`
	UserName string    `json:"userName" example:"Mina"`
	Host     bool      `json:"host"`
	JoinedAt time.Time `json:"joinedAt"`

	joinNo int64
}

type membersInput struct {
	RoomPath
	page.Query
}

type membersOutput struct {
	Body page.List[Member]
}

func (s *service) members(ctx context.Context, in *membersInput) (*membersOutput, error) {
	var after int64
	if err := in.Decode(&after); err != nil {
		return nil, err
	}
	me, err := s.findMembership(ctx, in.ID, token.From(ctx).ID)
	if err != nil {
		return nil, err
	}
	if !me.Member {
		return nil, errNotAMember
	}
	rows, err := s.db.Query(ctx, `SELECT m.user_id, u.name,
			m.join_no = (SELECT min(join_no) FROM members WHERE room_id = $1 AND left_at IS NULL), m.joined_at, m.join_no
		FROM members m JOIN users u USING (user_id)
		WHERE m.room_id = $1 AND m.left_at IS NULL AND m.join_no > $2 ORDER BY m.join_no LIMIT $3`, in.ID, after, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list members of %s: %w", in.ID, err)
	}
	members, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Member, err error) {
		err = row.Scan(&m.UserID, &m.UserName, &m.Host, &m.JoinedAt, &m.joinNo)
		m.JoinedAt = m.JoinedAt.UTC()
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("list members of %s: %w", in.ID, err)
	}
	return &membersOutput{page.Of(members, in.Limit, func(m Member) any { return m.joinNo })}, nil
}

// Membership is what other services are told.
type Membership struct {
	Member   bool   `json:"member"`
	UserName string `json:"userName" doc:"Empty for a user who is not known here."`
	Version  int64  `json:"version" doc:"Grows with each change; 0: there never was one."`
}

type membershipInput struct {
	RoomPath
	UserID string `path:"userId" maxLength:"32" pattern:"^[a-z0-9._-]+$"`
}

type membershipOutput struct {
	Body Membership
}

func (s *service) membership(ctx context.Context, in *membershipInput) (*membershipOutput, error) {
	m, err := s.findMembership(ctx, in.ID, in.UserID)
	if err != nil {
		return nil, err
	}
	return &membershipOutput{m}, nil
}

func (s *service) findMembership(ctx context.Context, room uuid.UUID, user string) (m Membership, err error) {
	err = s.db.QueryRow(ctx, `SELECT m.user_id IS NOT NULL AND m.left_at IS NULL, COALESCE(u.name, ''), COALESCE(m.version, 0)
		FROM rooms r
		LEFT JOIN members m ON m.room_id = r.id AND m.user_id = $2
		LEFT JOIN users u ON u.user_id = $2
		WHERE r.id = $1`, room, user).Scan(&m.Member, &m.UserName, &m.Version)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, errRoomNotFound
	}
	if err != nil {
		return m, fmt.Errorf("look up membership of %s in %s: %w", user, room, err)
	}
	return m, nil
}
