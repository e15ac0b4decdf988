package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/page"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/token"
)

var (
	errNoAccount = problem.Unauthenticated(problem.CodeTokenRevoked, "the account has been deleted")
	errOvertaken = problem.Conflict(problem.CodeConflict, "the password has been changed or the session has ended in the meantime")
)

// Account is a user as auth knows it.
type Account struct {
	UserInfo
	CreatedAt time.Time `json:"createdAt"`
}

type accountOutput struct{ Body Account }

func (s *service) me(ctx context.Context, _ *struct{}) (*accountOutput, error) {
	a := Account{UserInfo: UserInfo{UserID: token.From(ctx).ID}}
	err := s.db.QueryRow(ctx, `SELECT user_name, roles, created_at FROM accounts WHERE user_id = $1 AND status = 'active'`, a.UserID).
		Scan(&a.UserName, &a.Roles, &a.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNoAccount
	}
	if err != nil {
		return nil, fmt.Errorf("look up account: %w", err)
	}
	return &accountOutput{a}, nil
}

type passwordInput struct {
	Client
	Body struct {
		CurrentPassword string `json:"currentPassword" maxLength:"128"`
		NewPassword     string `json:"newPassword" minLength:"10" maxLength:"128"`
	}
}

// changePassword ends every session but the one that asks.
func (s *service) changePassword(ctx context.Context, in *passwordInput) (*struct{}, error) {
	user := token.From(ctx)
	if err := notID("body.newPassword", in.Body.NewPassword, user.ID); err != nil {
		return nil, err
	}
	old, err := s.confirm(ctx, user.ID, in.Body.CurrentPassword, in.address(), "body.currentPassword")
	if err != nil {
		return nil, err
	}
	hash, err := s.passwords.hash(ctx, in.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	var ended []string
	err = s.out.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE accounts SET password_hash = $2 WHERE user_id = $1 AND status = 'active' AND password_hash = $3
			AND EXISTS (SELECT FROM sessions WHERE user_id = $1 AND id::text = $4 AND revoked_at IS NULL)`, user.ID, hash, old, user.Session)
		if err != nil {
			return fmt.Errorf("change password: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return errOvertaken
		}
		ended, err = s.revoke(ctx, tx, `user_id = $1 AND id::text <> $2`, user.ID, user.Session)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.tellSoon(ctx, ended)
	return nil, nil
}

// confirm asks a user who is logged in for the password again, and returns its hash; a wrong one is a problem of that field.
func (s *service) confirm(ctx context.Context, userID, password, address, field string) (hash string, err error) {
	if err := s.takeLogin(ctx, userID, address); err != nil {
		return "", err
	}
	_, hash, err = s.authenticate(ctx, userID, password)
	if errors.Is(err, errCredentials) {
		return "", problem.Field(field, "expected your present password")
	}
	return hash, err
}

// rename keeps the name current that tokens carry.
func rename(ctx context.Context, tx pgx.Tx, c profile.Changed) error {
	_, err := tx.Exec(ctx, `UPDATE accounts SET user_name = $2, profile_version = $3
		WHERE user_id = $1 AND status <> 'deleted' AND profile_version < $3`, c.UserID, c.Name, c.Version)
	return err
}

type jwksOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         token.JWKS
}

func (s *service) listKeys(context.Context, *struct{}) (*jwksOutput, error) {
	return &jwksOutput{"public, max-age=60", s.keys.public()}, nil
}

// AdminAccount is a user as an administrator sees it.
type AdminAccount struct {
	Account
	Status string `json:"status" enum:"pending,active,deleted"`
}

type usersOutput struct{ Body page.List[AdminAccount] }

// newestFirst is the query of a list that begins with the newest.
type newestFirst struct{ page.Query }

// newest is its cursor: the time and the id of the last item.
type newest struct {
	At time.Time `json:"at"`
	ID string    `json:"id"`
}

// after is where the page begins; without a cursor, before everything.
func (q newestFirst) after() (newest, error) {
	last := newest{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	return last, q.Decode(&last)
}

func (s *service) listUsers(ctx context.Context, in *newestFirst) (*usersOutput, error) {
	last, err := in.after()
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Query(ctx, `SELECT user_id, user_name, roles, created_at, status FROM accounts
		WHERE (created_at, user_id) < ($1, $2) ORDER BY created_at DESC, user_id DESC LIMIT $3`, last.At, last.ID, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a AdminAccount, err error) {
		err = row.Scan(&a.UserID, &a.UserName, &a.Roles, &a.CreatedAt, &a.Status)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return &usersOutput{page.Of(all, in.Limit, func(a AdminAccount) any { return newest{a.CreatedAt, a.UserID} })}, nil
}

// adminID is the id of the first administrator; nobody can sign up by it.
const adminID = "admin"

// createAdmin makes the account admin with the password of the secret, unless it is there or there is no such password. The other
// services get their copies as of any account; that one of them is late undoes nothing.
func (s *service) createAdmin(ctx context.Context, password string) error {
	if password == "" {
		return nil
	}
	var exists bool
	err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM accounts WHERE user_id = $1)`, adminID).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for account admin: %w", err)
	}
	if exists {
		return nil
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	h := s.begin(kindSignup, adminID, "Admin")
	h.Strict = false
	err = s.create(ctx, h, hash, []string{token.RoleAdmin}, "")
	if err != nil && !errors.Is(err, errTaken) { // Another replica may be faster.
		return fmt.Errorf("create account admin: %w", err)
	}
	return nil
}
