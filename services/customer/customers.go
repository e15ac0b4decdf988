package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/services/internal/token"
)

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
	tag, err := tx.Exec(ctx, `INSERT INTO customers AS c (user_id, user_name, saga_id) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET saga_id = excluded.saga_id WHERE c.saga_id = ''`,
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

// rename keeps the copy of the name current. A user whose signup is still to come gets a record that no saga has made yet.
func rename(ctx context.Context, tx pgx.Tx, c profile.Changed) error {
	_, err := tx.Exec(ctx, `INSERT INTO customers AS c (user_id, user_name, saga_id, profile_version) VALUES ($1, $2, '', $3)
		ON CONFLICT (user_id) DO UPDATE SET user_name = excluded.user_name, profile_version = excluded.profile_version
		WHERE c.profile_version < excluded.profile_version AND c.deleted_at IS NULL`, c.UserID, c.Name, c.Version)
	return err
}
