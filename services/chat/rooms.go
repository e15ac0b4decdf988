package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/page"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
)

var errRoomNotFound = problem.NotFound(problem.CodeNotFound, "There is no such room.")

// Host is who a room belongs to: of its members, the one who has been in it longest.
type Host struct {
	UserID   string `json:"userId" example:"mina"`
	UserName string `json:"userName" example:"Mina"`
}

// Room is a room as one user sees it.
type Room struct {
	ID           uuid.UUID `json:"id" format:"uuid"`
	Title        string    `json:"title" example:"Board games on Friday"`
	Host         Host      `json:"host"`
	Personnel    int       `json:"personnel" doc:"How many members there are." example:"3"`
	MaxPersonnel int       `json:"maxPersonnel" doc:"How many there can be." example:"8"`
	Joined       bool      `json:"joined" doc:"Whether I am a member."`
	CreatedAt    time.Time `json:"createdAt"`

	joinNo int64 // Of my own membership; only in my rooms.
}

func (r Room) full() bool { return r.Personnel >= r.MaxPersonnel }

// selectRooms selects rooms as the user $1 sees them, m being that user's membership. That there is a host is an invariant: a room
// without members is gone.
const selectRooms = `SELECT r.id, r.title, host.user_id, host.name, r.personnel, r.max_personnel, m.room_id IS NOT NULL, r.created_at,
		COALESCE(m.join_no, 0)
	FROM rooms r
	LEFT JOIN members m ON m.room_id = r.id AND m.user_id = $1 AND m.left_at IS NULL
	CROSS JOIN LATERAL (
		SELECT u.user_id, u.name FROM members h JOIN users u USING (user_id)
		WHERE h.room_id = r.id AND h.left_at IS NULL ORDER BY h.join_no LIMIT 1
	) host `

func scanRoom(row pgx.CollectableRow) (r Room, err error) {
	err = row.Scan(&r.ID, &r.Title, &r.Host.UserID, &r.Host.UserName, &r.Personnel, &r.MaxPersonnel, &r.Joined, &r.CreatedAt, &r.joinNo)
	r.CreatedAt = r.CreatedAt.UTC()
	return r, err
}

// query is what a pool and a transaction have in common.
type query interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func selectRoom(ctx context.Context, q query, id uuid.UUID, userID string) (Room, error) {
	rows, err := q.Query(ctx, selectRooms+`WHERE r.id = $2`, userID, id)
	if err != nil {
		return Room{}, fmt.Errorf("read room %s: %w", id, err)
	}
	room, err := pgx.CollectExactlyOneRow(rows, scanRoom)
	if errors.Is(err, pgx.ErrNoRows) {
		return Room{}, errRoomNotFound
	}
	if err != nil {
		return Room{}, fmt.Errorf("read room %s: %w", id, err)
	}
	return room, nil
}

// RoomPath names a room. Huma reads embedded structs only when their names are exported.
type RoomPath struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The room."`
}

type roomOutput struct {
	Body Room
}

func (s *service) get(ctx context.Context, in *RoomPath) (*roomOutput, error) {
	room, err := selectRoom(ctx, s.db, in.ID, token.From(ctx).ID)
	if err != nil {
		return nil, err
	}
	return &roomOutput{room}, nil
}

type listInput struct {
	page.Query
	Title string `query:"title" maxLength:"60" pattern:"^[^\\x00-\\x1f\\x7f]*$" doc:"Only rooms whose title contains this, in upper or lower case."`
}

type listOutput struct {
	Body page.List[Room]
}

// likeEscaper takes the meaning from what LIKE would read as a wildcard.
var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func (s *service) list(ctx context.Context, in *listInput) (*listOutput, error) {
	before := uuid.Max // A version 7 id is always smaller.
	if err := in.Decode(&before); err != nil {
		return nil, err
	}
	title := strings.ToValidUTF8(strings.TrimSpace(in.Title), "\uFFFD")
	rows, err := s.db.Query(ctx, selectRooms+`WHERE r.id < $2 AND r.title ILIKE '%' || $3 || '%' ORDER BY r.id DESC LIMIT $4`,
		token.From(ctx).ID, before, likeEscaper.Replace(title), in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	rooms, err := pgx.CollectRows(rows, scanRoom)
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	return &listOutput{page.Of(rooms, in.Limit, func(r Room) any { return r.ID })}, nil
}

func (s *service) mine(ctx context.Context, in *page.Query) (*listOutput, error) {
	var before *int64
	if err := in.Decode(&before); err != nil {
		return nil, err
	}
	rows, err := s.db.Query(ctx, selectRooms+`WHERE m.room_id IS NOT NULL AND ($2::bigint IS NULL OR m.join_no < $2)
		ORDER BY m.join_no DESC LIMIT $3`, token.From(ctx).ID, before, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list my rooms: %w", err)
	}
	rooms, err := pgx.CollectRows(rows, scanRoom)
	if err != nil {
		return nil, fmt.Errorf("list my rooms: %w", err)
	}
	return &listOutput{page.Of(rooms, in.Limit, func(r Room) any { return r.joinNo })}, nil
}
