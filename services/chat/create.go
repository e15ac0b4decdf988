package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/every"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/text"
	"moim.dev/moim/services/internal/token"
)

// keepKeys is how long an Idempotency-Key is remembered: longer than any client goes on repeating a request.
const keepKeys = 24 * time.Hour

type createInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"128" pattern:"^[\\x21-\\x7e]*$" patternDescription:"visible ASCII" doc:"Makes a repetition of this request harmless, for a day."`
	Body struct {
		Title        string `json:"title" minLength:"1" maxLength:"60" pattern:"^[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$" patternDescription:"a line of text" example:"Board games on Friday"`
		MaxPersonnel int    `json:"maxPersonnel" minimum:"1" maximum:"1000" doc:"How many members there can be." example:"8"`
	}
}

func (s *service) create(ctx context.Context, in *createInput) (*roomOutput, error) {
	user := token.From(ctx).ID
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make room id: %w", err)
	}
	title, err := text.Line(in.Body.Title)
	if err != nil {
		return nil, problem.Field("body.title", "%v", err)
	}
	var room Room
	err = s.out.InTx(ctx, func(tx pgx.Tx) error {
		name, err := lockUser(ctx, tx, user)
		if err != nil {
			return err
		}
		if in.Key != "" {
			made, repeated, err := claimKey(ctx, tx, user, in.Key, title, in.Body.MaxPersonnel, id)
			if err != nil {
				return err
			}
			if repeated {
				room, err = selectRoom(ctx, tx, made, user)
				return err
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO rooms (id, title, max_personnel) VALUES ($1, $2, $3)`, id, title, in.Body.MaxPersonnel)
		if err != nil {
			return fmt.Errorf("create room: %w", err)
		}
		if _, err := s.addMember(ctx, tx, id, user, name); err != nil {
			return err
		}
		room, err = selectRoom(ctx, tx, id, user)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &roomOutput{room}, nil
}

// claimKey remembers what a key stands for. A key that was used before says which room it made; of two requests at once, the second
// waits here for the first.
func claimKey(ctx context.Context, tx pgx.Tx, user, key, title string, maxPersonnel int, id uuid.UUID) (made uuid.UUID, repeated bool, err error) {
	tag, err := tx.Exec(ctx, `INSERT INTO room_keys (user_id, key, title, max_personnel, room_id) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING`, user, key, title, maxPersonnel, id)
	if err != nil {
		return id, false, fmt.Errorf("claim idempotency key: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return id, false, nil
	}
	var same bool
	err = tx.QueryRow(ctx, `SELECT room_id, (title, max_personnel) = ($3, $4) FROM room_keys WHERE user_id = $1 AND key = $2`,
		user, key, title, maxPersonnel).Scan(&made, &same)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // Forgotten in this very moment.
		return id, false, problem.Unavailable("The idempotency key has just run out.")
	case err != nil:
		return id, false, fmt.Errorf("read idempotency key: %w", err)
	case !same:
		return id, false, problem.Conflict(problem.CodeConflict, "The idempotency key was used for another room.")
	}
	return made, true, nil
}

// forgetKeys deletes old keys, now and then, until the context ends.
func (s *service) forgetKeys(ctx context.Context) error {
	return every.Run(ctx, time.Hour, "old idempotency keys are not forgotten", func(ctx context.Context) error {
		_, err := s.db.Exec(ctx, `DELETE FROM room_keys WHERE created_at < now() - $1::interval`, keepKeys)
		return err
	})
}
