package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/saga"
)

// errNoUser is what a user sees whose account the signup saga has not brought here: it will, or an operator has to look at why not.
var errNoUser = problem.Unavailable("Your account has not reached this service yet.")

// lockUser returns the user's name and keeps the user from being deleted until the transaction ends. It comes before the lock of any
// room, here as in deleteUser, so that the two never wait for each other.
func lockUser(ctx context.Context, tx pgx.Tx, id string) (name string, err error) {
	err = tx.QueryRow(ctx, `SELECT name FROM users WHERE user_id = $1 FOR KEY SHARE`, id).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", errNoUser
	}
	if err != nil {
		return "", fmt.Errorf("lock user %s: %w", id, err)
	}
	return name, nil
}

func (s *service) createUser(ctx context.Context, tx pgx.Tx, r saga.Request) (created bool, err error) {
	tag, err := tx.Exec(ctx, `INSERT INTO users AS u (user_id, name, saga_id) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET saga_id = excluded.saga_id WHERE u.saga_id = ''`,
		r.UserID, r.UserName, r.EventID)
	if err != nil {
		return false, fmt.Errorf("copy user: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

func (s *service) undoUser(ctx context.Context, tx pgx.Tx, r saga.Request) error {
	return s.removeUser(ctx, tx, r.UserID, r.EventID)
}

func (s *service) deleteUser(ctx context.Context, tx pgx.Tx, r saga.Request) error {
	return s.removeUser(ctx, tx, r.UserID, "")
}

// removeUser removes the copy of a user, after the user has left all rooms; with a saga, only if that saga made it. Rooms are left in
// the order of their ids, so that two users who are deleted at once don't wait for each other.
func (s *service) removeUser(ctx context.Context, tx pgx.Tx, id, saga string) error {
	var found bool
	err := tx.QueryRow(ctx, `SELECT true FROM users WHERE user_id = $1 AND ($2 = '' OR saga_id = $2) FOR UPDATE`, id, saga).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lock user %s: %w", id, err)
	}
	rows, err := tx.Query(ctx, `SELECT room_id FROM members WHERE user_id = $1 AND left_at IS NULL ORDER BY room_id`, id)
	if err != nil {
		return fmt.Errorf("list rooms of %s: %w", id, err)
	}
	rooms, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("list rooms of %s: %w", id, err)
	}
	for _, room := range rooms {
		if err := s.endMembership(ctx, tx, room, id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM users WHERE user_id = $1`, id); err != nil {
		return fmt.Errorf("remove user %s: %w", id, err)
	}
	return nil
}

// rename keeps the copy of the name current. A user whose signup is still to come gets a copy that no saga has made yet.
func rename(ctx context.Context, tx pgx.Tx, c profile.Changed) error {
	_, err := tx.Exec(ctx, `INSERT INTO users AS u (user_id, name, saga_id, profile_version) VALUES ($1, $2, '', $3)
		ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, profile_version = excluded.profile_version
		WHERE u.profile_version < excluded.profile_version`, c.UserID, c.Name, c.Version)
	return err
}
