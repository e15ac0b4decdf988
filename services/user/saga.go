package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/saga"
)

func createProfile(ctx context.Context, tx pgx.Tx, r saga.Request) (created bool, err error) {
	tag, err := tx.Exec(ctx, `INSERT INTO profiles (user_id, name, saga_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		r.UserID, r.UserName, r.EventID)
	if err != nil {
		return false, fmt.Errorf("create profile: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

func undoProfile(ctx context.Context, tx pgx.Tx, r saga.Request) error {
	if _, err := tx.Exec(ctx, `DELETE FROM profiles WHERE user_id = $1 AND saga_id = $2`, r.UserID, r.EventID); err != nil {
		return fmt.Errorf("undo profile: %w", err)
	}
	return nil
}

func deleteProfile(ctx context.Context, tx pgx.Tx, r saga.Request) error {
	if _, err := tx.Exec(ctx, `DELETE FROM profiles WHERE user_id = $1`, r.UserID); err != nil {
		return fmt.Errorf("delete profile: %w", err)
	}
	return nil
}
