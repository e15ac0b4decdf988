package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/page"
	"moim.dev/moim/services/internal/postgres"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
)

var (
	errInsufficientBalance = problem.Conflict("insufficient_balance", "The balance would become negative.")
	errBalanceLimit        = problem.Conflict("balance_limit", "The balance would exceed what can be kept.")
	errEventBooked         = problem.Conflict(problem.CodeConflict, "The eventId was used for another transaction.")
)

// Transaction is one change of a balance.
type Transaction struct {
	ID           uuid.UUID `json:"id" format:"uuid"`
	EventID      string    `json:"eventId" doc:"What the transaction was booked for, once."`
	Amount       int64     `json:"amount" doc:"Added to the balance, in the smallest unit; negative takes away." example:"1500"`
	BalanceAfter int64     `json:"balanceAfter" example:"1500"`
	Reason       string    `json:"reason" example:"Welcome gift"`
	CreatedAt    time.Time `json:"createdAt"`

	userID string
	seq    int64
}

const selectTransactions = `SELECT id, event_id, amount, balance_after, reason, created_at, user_id, seq FROM transactions `

func scanTransaction(row pgx.CollectableRow) (t Transaction, err error) {
	err = row.Scan(&t.ID, &t.EventID, &t.Amount, &t.BalanceAfter, &t.Reason, &t.CreatedAt, &t.userID, &t.seq)
	t.CreatedAt = t.CreatedAt.UTC()
	return t, err
}

type transactionsOutput struct {
	Body page.List[Transaction]
}

func (s *service) transactions(ctx context.Context, in *page.Query) (*transactionsOutput, error) {
	var before *int64
	if err := in.Decode(&before); err != nil {
		return nil, err
	}
	rows, err := s.db.Query(ctx, selectTransactions+`WHERE user_id = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3`,
		token.From(ctx).ID, before, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list transactions: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanTransaction)
	if err != nil {
		return nil, fmt.Errorf("list transactions: %w", err)
	}
	return &transactionsOutput{page.Of(found, in.Limit, func(t Transaction) any { return t.seq })}, nil
}

type bookInput struct {
	UserID string `path:"userId" maxLength:"32" pattern:"^[a-z0-9._-]+$"`
	Body   struct {
		EventID string `json:"eventId" minLength:"1" maxLength:"128" pattern:"^[!-~]+$" patternDescription:"letters, digits and signs of ASCII"`
		Amount  int64  `json:"amount" minimum:"-1000000000000" maximum:"1000000000000" doc:"Not 0; in the smallest unit."`
		Reason  string `json:"reason" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"a line of text"`
	}
}

type transactionOutput struct {
	Body Transaction
}

func (s *service) book(ctx context.Context, in *bookInput) (*transactionOutput, error) {
	if in.Body.Amount == 0 {
		return nil, problem.Field("body.amount", "expected a number other than 0")
	}
	out := new(transactionOutput)
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) (err error) {
		out.Body, err = book(ctx, tx, in)
		return err
	})
	switch {
	case postgres.IsCheck(err, "balance_not_negative"):
		return nil, errInsufficientBalance
	case postgres.IsCheck(err, "balance_in_range"):
		return nil, errBalanceLimit
	case postgres.IsUnique(err, "event_booked_once"): // By a transaction of another customer, at the same time.
		return nil, errEventBooked
	case err != nil:
		return nil, err
	}
	return out, nil
}

// book locks the customer first: bookings of one customer follow each other, and a repetition finds what the first one booked.
func book(ctx context.Context, tx pgx.Tx, in *bookInput) (t Transaction, err error) {
	var found bool
	err = tx.QueryRow(ctx, `SELECT true FROM customers WHERE user_id = $1 AND deleted_at IS NULL FOR UPDATE`, in.UserID).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, errNoCustomer
	}
	if err != nil {
		return t, fmt.Errorf("lock customer %s: %w", in.UserID, err)
	}
	t, err = readTransaction(ctx, tx, selectTransactions+`WHERE event_id = $1`, in.Body.EventID)
	switch {
	case err == nil && (t.userID != in.UserID || t.Amount != in.Body.Amount || t.Reason != in.Body.Reason):
		return t, errEventBooked
	case err == nil:
		return t, nil
	case !errors.Is(err, pgx.ErrNoRows):
		return t, fmt.Errorf("look for event %s: %w", in.Body.EventID, err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return t, fmt.Errorf("make transaction id: %w", err)
	}
	t, err = readTransaction(ctx, tx, `WITH c AS (UPDATE customers SET balance = balance + $4 WHERE user_id = $2 RETURNING balance)
		INSERT INTO transactions (id, user_id, event_id, amount, balance_after, reason, booked_by)
		SELECT $1, $2, $3, $4, balance, $5, $6 FROM c
		RETURNING id, event_id, amount, balance_after, reason, created_at, user_id, seq`,
		id, in.UserID, in.Body.EventID, in.Body.Amount, in.Body.Reason, token.From(ctx).ID)
	if err != nil {
		return t, fmt.Errorf("book event %s for %s: %w", in.Body.EventID, in.UserID, err)
	}
	return t, nil
}

func readTransaction(ctx context.Context, tx pgx.Tx, sql string, args ...any) (Transaction, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return Transaction{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanTransaction)
}
