package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/services/internal/token"
)

type signupInput struct {
	Client
	Body struct {
		UserID   string `json:"userId" pattern:"^[a-z0-9][a-z0-9._-]{1,30}[a-z0-9]$" patternDescription:"3 to 32 lower-case letters, digits, dots, dashes and underscores, a letter or digit at both ends" doc:"Never changes and is never given to somebody else."`
		UserName string `json:"userName" minLength:"1" maxLength:"40" pattern:"^[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$" patternDescription:"a line of text"`
		Password string `json:"password" minLength:"10" maxLength:"128"`
	}
}

var errTaken = errors.New("the user id is taken")

// signUp makes an account, asks the participants, and streams what each of them answers.
func (s *service) signUp(ctx context.Context, in *signupInput) (*huma.StreamResponse, error) {
	userID, userName := in.Body.UserID, in.Body.UserName
	if err := notID("body.password", in.Body.Password, userID); err != nil {
		return nil, err
	}
	if err := s.takeAll(ctx, s.signupLimits(userID, in.address())); err != nil {
		return nil, err
	}
	var taken bool
	if err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM accounts WHERE user_id = $1)`, userID).Scan(&taken); err != nil {
		return nil, fmt.Errorf("look up account: %w", err)
	}
	if taken {
		return streamOne(s.begin(kindSignup, userID, userName).taken()), nil // Before the hash, which is the dear part.
	}
	hash, err := s.passwords.hash(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	h := s.begin(kindSignup, userID, userName) // Now, as the wait for the hash is not the participants' time.
	err = s.create(ctx, h, hash, []string{})
	if errors.Is(err, errTaken) {
		return streamOne(h.taken()), nil
	}
	if err != nil {
		return nil, err
	}
	return s.stream(h, 0), nil
}

// create stores an account and asks the participants. The error is errTaken when there is such an account.
func (s *service) create(ctx context.Context, h *history, hash string, roles []string) error {
	if err := s.open(ctx, h); err != nil {
		return err
	}
	status := "active"
	if h.Strict && h.First.Status == pending {
		status = pending
	}
	return s.out.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO accounts (user_id, user_name, password_hash, roles, status, saga_id)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			h.First.UserID, h.First.UserName, hash, roles, status, h.First.ID)
		if err != nil {
			return fmt.Errorf("create account: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return errTaken
		}
		if err := insertSaga(ctx, tx, h); err != nil {
			return err
		}
		return s.ask(ctx, tx, h.First, saga.Create)
	})
}

// open saves the record of a saga before anything else is done: without it nobody could say how the saga went. A record that nothing
// follows expires, and nobody knows its id.
func (s *service) open(ctx context.Context, h *history) error {
	if err := s.save(ctx, h, ""); err != nil {
		s.Log.ErrorContext(ctx, "saga refused", "kind", h.First.Kind, "err", err)
		return problem.Unavailable("no %s can be begun at the moment; try again", h.First.Kind)
	}
	return nil
}

// notID refuses a password that everybody knows.
func notID(field, password, userID string) error {
	if strings.EqualFold(password, userID) {
		return problem.Field(field, "expected something else than the user id")
	}
	return nil
}

type deletionInput struct {
	Client
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
	h := s.begin(kindDeletion, user.ID, user.Name)
	if err := s.open(ctx, h); err != nil {
		return nil, err
	}
	var ended []string
	err := s.out.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE accounts SET status = 'deleted', password_hash = '', user_name = '', roles = '{}'
			WHERE user_id = $1 AND status = 'active'`, user.ID)
		if err != nil {
			return fmt.Errorf("delete account: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return errNoAccount
		}
		if ended, err = s.revoke(ctx, tx, `user_id = $1`, user.ID); err != nil {
			return err
		}
		if err := insertSaga(ctx, tx, h); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE sagas SET user_name = '' WHERE user_id = $1`, user.ID); err != nil {
			return fmt.Errorf("forget the user's name: %w", err)
		}
		return s.ask(ctx, tx, h.First, saga.Delete)
	})
	if err != nil {
		return nil, err
	}
	s.tellSoon(ctx, ended)
	return s.stream(h, 0), nil
}
