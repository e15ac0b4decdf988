package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/postgres"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/services/internal/token"
)

type signupInput struct {
	client
	Body struct {
		UserID   string `json:"userId" pattern:"^[a-z0-9][a-z0-9._-]{1,30}[a-z0-9]$" patternDescription:"3 to 32 lower-case letters, digits, dots, dashes and underscores, a letter or digit at both ends" doc:"Never changes and is never given to somebody else."`
		UserName string `json:"userName" minLength:"1" maxLength:"40" pattern:"\\S" patternDescription:"at least one character that is no white space"`
		Password string `json:"password" minLength:"10" maxLength:"128"`
	}
}

var errTaken = errors.New("the user id is taken")

// signUp makes an account, asks the participants, and streams what each of them answers.
func (s *service) signUp(ctx context.Context, in *signupInput) (*huma.StreamResponse, error) {
	userID, userName := in.Body.UserID, in.Body.UserName
	if in.Body.Password == userID {
		return nil, problem.Field("body.password", "expected something else than the user id")
	}
	if err := s.takeAll(ctx, s.signupLimits(userID, in.address())); err != nil {
		return nil, err
	}
	h := s.begin(kindSignup, userID)
	var taken bool
	if err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM accounts WHERE user_id = $1)`, userID).Scan(&taken); err != nil {
		return nil, fmt.Errorf("look up account: %w", err)
	}
	if taken {
		return streamOne(h.taken()), nil // Before the hash, which is the dear part.
	}
	hash, err := s.passwords.hash(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	// The record first: without it nobody could say how the signup went. One that is not followed by an account expires.
	if _, err := s.save(ctx, h, ""); err != nil {
		s.Log.ErrorContext(ctx, "signup refused", "err", err)
		return nil, problem.Unavailable("nobody can sign up at the moment; try again")
	}
	err = s.out.InTx(ctx, func(tx pgx.Tx) error {
		status := "active"
		if h.Strict && h.First.Status == pending {
			status = pending
		}
		_, err := tx.Exec(ctx, `INSERT INTO accounts (user_id, user_name, password_hash, status, saga_id) VALUES ($1, $2, $3, $4, $5)`,
			userID, userName, hash, status, h.First.ID)
		if postgres.IsUnique(err, "accounts_pkey") {
			return errTaken
		}
		if err != nil {
			return fmt.Errorf("create account: %w", err)
		}
		if err := insertSaga(ctx, tx, h, userName); err != nil {
			return err
		}
		return s.ask(ctx, tx, h.First.ID, saga.Create, userID, userName)
	})
	if errors.Is(err, errTaken) {
		return streamOne(h.taken()), nil
	}
	if err != nil {
		return nil, err
	}
	return s.stream(h.First.ID, h, 0), nil
}

// taken is the record of a signup that auth itself refuses; nobody else was asked.
func (h *history) taken() Record {
	r := h.at(1)
	for name := range r.Services {
		r.Services[name] = skipped
	}
	r.Services[own], r.Status = duplicate, failed
	return r
}

type deletionInput struct {
	client
	Body struct {
		Password string `json:"password" maxLength:"128"`
	}
}

// deleteAccount ends an account for good and has every service forget the user. The id stays taken.
func (s *service) deleteAccount(ctx context.Context, in *deletionInput) (*huma.StreamResponse, error) {
	user := token.From(ctx)
	if err := s.confirm(ctx, user.ID, in.Body.Password, in.address(), "body.password"); err != nil {
		return nil, err
	}
	h := s.begin(kindDeletion, user.ID)
	if _, err := s.save(ctx, h, ""); err != nil {
		s.Log.ErrorContext(ctx, "deletion refused", "err", err)
		return nil, problem.Unavailable("accounts cannot be deleted at the moment; try again")
	}
	err := s.out.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE accounts SET status = 'deleted', password_hash = '', user_name = '', roles = '{}' WHERE user_id = $1`, user.ID)
		if err != nil {
			return fmt.Errorf("delete account: %w", err)
		}
		if err := s.revoke(ctx, tx, `user_id = $1`, user.ID); err != nil {
			return err
		}
		if err := insertSaga(ctx, tx, h, ""); err != nil {
			return err
		}
		return s.ask(ctx, tx, h.First.ID, saga.Delete, user.ID, "")
	})
	if err != nil {
		return nil, err
	}
	s.tellNow(ctx)
	return s.stream(h.First.ID, h, 0), nil
}
