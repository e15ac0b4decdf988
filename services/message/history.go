package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
)

// History is a part of a room's log.
type History struct {
	Items []Message `json:"items" nullable:"false" doc:"In order of seq."`
	Head  int64     `json:"head" doc:"The room's last seq; 0 when there is no message."`
}

type historyInput struct {
	Room   uuid.UUID `path:"id"`
	Before int64     `query:"before" minimum:"1" doc:"The last messages before this seq."`
	After  int64     `query:"after" minimum:"-1" default:"-1" doc:"The first messages after this seq; -1, as when absent, asks for the newest. Not together with before."`
	Limit  int       `query:"limit" minimum:"1" maximum:"100" default:"30"`
}

type historyOutput struct{ Body History }

// history is for members: a part of the log, from its newest end unless asked otherwise.
func (l *log) history(ctx context.Context, in *historyInput) (*historyOutput, error) {
	if in.Before > 0 && in.After >= 0 {
		return nil, problem.Field("query.after", "expected before or after, not both")
	}
	if err := l.member(ctx, membership{in.Room, token.From(ctx).ID}); err != nil {
		return nil, err
	}
	if in.After >= 0 {
		return l.read(ctx, in.Room, in.After, in.Limit)
	}
	before := in.Before
	if before == 0 {
		before = math.MaxInt64
	}
	return l.readBack(ctx, in.Room, before, in.Limit)
}

type logInput struct {
	Room  uuid.UUID `path:"id"`
	After int64     `query:"after" minimum:"0"`
	Limit int       `query:"limit" minimum:"1" maximum:"1000" default:"200"`
}

// page is for realtime, which has asked who is a member.
func (l *log) page(ctx context.Context, in *logInput) (*historyOutput, error) {
	return l.read(ctx, in.Room, in.After, in.Limit)
}

const columns = `room_id, seq, type, sender_id, sender_name, content, key, sent_at`

func (l *log) read(ctx context.Context, room uuid.UUID, after int64, limit int) (*historyOutput, error) {
	return l.query(ctx, room, `SELECT `+columns+` FROM messages WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, after, limit)
}

func (l *log) readBack(ctx context.Context, room uuid.UUID, before int64, limit int) (*historyOutput, error) {
	out, err := l.query(ctx, room, `SELECT `+columns+` FROM messages WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`, before, limit)
	if err == nil {
		slices.Reverse(out.Body.Items)
	}
	return out, err
}

// query reads messages and the head that they were read with or before.
func (l *log) query(ctx context.Context, room uuid.UUID, sql string, bound int64, limit int) (*historyOutput, error) {
	out := &historyOutput{}
	batch := &pgx.Batch{}
	batch.Queue(sql, room, bound, limit).Query(func(rows pgx.Rows) (err error) {
		out.Body.Items, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Message])
		return err
	})
	batch.Queue(`SELECT last_seq FROM rooms WHERE room_id = $1`, room).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&out.Body.Head)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err := l.db.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read log of %s: %w", room, err)
	}
	for i := range out.Body.Items {
		out.Body.Items[i].SentAt = out.Body.Items[i].SentAt.UTC()
	}
	return out, nil
}

type headsInput struct {
	Body struct {
		Rooms []uuid.UUID `json:"rooms" maxItems:"10000"`
	}
}

type headsOutput struct {
	Body struct {
		Heads map[uuid.UUID]int64 `json:"heads"`
	}
}

// heads is for realtime: the last seq of each room, absent for rooms that have no log yet.
func (l *log) heads(ctx context.Context, in *headsInput) (*headsOutput, error) {
	rows, err := l.db.Query(ctx, `SELECT room_id, last_seq FROM rooms WHERE room_id = ANY($1)`, in.Body.Rooms)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	out := &headsOutput{}
	out.Body.Heads = make(map[uuid.UUID]int64, len(in.Body.Rooms))
	var room uuid.UUID
	var seq int64
	_, err = pgx.ForEachRow(rows, []any{&room, &seq}, func() error {
		out.Body.Heads[room] = seq
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	return out, nil
}
