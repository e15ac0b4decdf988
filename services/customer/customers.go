package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/services/internal/token"
)

// topicProfileChanged is of the service user.
const topicProfileChanged = "user.profile.changed"

var errNoCustomer = problem.NotFound(problem.CodeNotFound, "There is no such customer.")

// Customer is a user's own record.
type Customer struct {
	UserID    string    `json:"userId" example:"mina"`
	UserName  string    `json:"userName" example:"Mina"`
	Balance   int64     `json:"balance" doc:"In the smallest unit." example:"0"`
	CreatedAt time.Time `json:"createdAt"`
}

type customerOutput struct {
	Body Customer
}

func (s *service) mine(ctx context.Context, _ *struct{}) (*customerOutput, error) {
	c := Customer{UserID: token.From(ctx).ID}
	err := s.db.QueryRow(ctx, `SELECT user_name, balance, created_at FROM customers WHERE user_id = $1 AND deleted_at IS NULL`, c.UserID).
		Scan(&c.UserName, &c.Balance, &c.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNoCustomer
	}
	if err != nil {
		return nil, fmt.Errorf("read customer %s: %w", c.UserID, err)
	}
	c.CreatedAt = c.CreatedAt.UTC()
	return &customerOutput{c}, nil
}

func createCustomer(ctx context.Context, tx pgx.Tx, r saga.Request) (created bool, err error) {
	tag, err := tx.Exec(ctx, `INSERT INTO customers (user_id, user_name, saga_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		r.UserID, r.UserName, r.EventID)
	if err != nil {
		return false, fmt.Errorf("create customer: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

func undoCustomer(ctx context.Context, tx pgx.Tx, r saga.Request) error {
	if _, err := tx.Exec(ctx, `DELETE FROM customers WHERE user_id = $1 AND saga_id = $2`, r.UserID, r.EventID); err != nil {
		return fmt.Errorf("undo customer: %w", err)
	}
	return nil
}

// deleteCustomer forgets who the customer was. What was booked stays: books must add up also after somebody left.
func deleteCustomer(ctx context.Context, tx pgx.Tx, r saga.Request) error {
	_, err := tx.Exec(ctx, `UPDATE customers SET user_name = '', deleted_at = now() WHERE user_id = $1 AND deleted_at IS NULL`, r.UserID)
	if err != nil {
		return fmt.Errorf("delete customer: %w", err)
	}
	return nil
}

// profileChange is what customer reads of user.profile.changed.
type profileChange struct {
	UserID  string `json:"userId"`
	Name    string `json:"name"`
	Version int64  `json:"version"`
}

// profileChanged keeps the copy of the name current. A change that is older than the copy, or of somebody who left, is nothing new;
// one of a user who is not here yet fails, so that it is tried again.
func profileChanged(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var change profileChange
	if err := e.Decode(&change); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `UPDATE customers
		SET user_name = CASE WHEN profile_version < $3 AND deleted_at IS NULL THEN $2 ELSE user_name END,
			profile_version = GREATEST(profile_version, $3)
		WHERE user_id = $1`, change.UserID, change.Name, change.Version)
	if err != nil {
		return fmt.Errorf("rename customer %s: %w", change.UserID, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("rename customer %s: not known here", change.UserID)
	}
	return nil
}
