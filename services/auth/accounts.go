package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/page"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
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
	if err != nil {
		return nil, fmt.Errorf("look up account: %w", err)
	}
	return &accountOutput{a}, nil
}

type passwordInput struct {
	client
	Body struct {
		CurrentPassword string `json:"currentPassword" maxLength:"128"`
		NewPassword     string `json:"newPassword" minLength:"10" maxLength:"128"`
	}
}

// changePassword ends every session but the one that asks.
func (s *service) changePassword(ctx context.Context, in *passwordInput) (*struct{}, error) {
	user := token.From(ctx)
	if in.Body.NewPassword == user.ID {
		return nil, problem.Field("body.newPassword", "expected something else than the user id")
	}
	if err := s.confirm(ctx, user.ID, in.Body.CurrentPassword, in.address(), "body.currentPassword"); err != nil {
		return nil, err
	}
	hash, err := s.passwords.hash(ctx, in.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	err = s.out.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE accounts SET password_hash = $2 WHERE user_id = $1`, user.ID, hash); err != nil {
			return fmt.Errorf("change password: %w", err)
		}
		return s.revoke(ctx, tx, `user_id = $1 AND id::text <> $2`, user.ID, user.Session)
	})
	if err != nil {
		return nil, err
	}
	s.tellNow(ctx)
	return nil, nil
}

// confirm asks a user who is logged in for the password again; a wrong one is a problem of that field.
func (s *service) confirm(ctx context.Context, userID, password, address, field string) error {
	if err := s.takeAll(ctx, s.loginLimits(userID, address)); err != nil {
		return err
	}
	_, err := s.authenticate(ctx, userID, password)
	if problem.From(err).Code == errCredentials.Code {
		return problem.Field(field, "expected your present password")
	}
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

// newest is the cursor of lists that begin with the newest.
type newest struct {
	At time.Time `json:"at"`
	ID string    `json:"id"`
}

// after is where the page begins: at the end of time when there is no cursor.
func (p newestPage) after() (time.Time, string, error) {
	last := newest{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	err := p.Decode(&last)
	return last.At, last.ID, err
}

type newestPage struct{ page.Query }

func (s *service) listUsers(ctx context.Context, in *newestPage) (*usersOutput, error) {
	at, id, err := in.after()
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Query(ctx, `SELECT user_id, user_name, roles, created_at, status FROM accounts
		WHERE (created_at, user_id) < ($1, $2) ORDER BY created_at DESC, user_id DESC LIMIT $3`, at, id, in.Limit+1)
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

// createAdmin makes the account admin with the password of the secret, unless it is there or there is no such password.
func (s *service) createAdmin(ctx context.Context, password string) error {
	if password == "" {
		return nil
	}
	var exists bool
	err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM accounts WHERE user_id = 'admin')`).Scan(&exists)
	if err != nil || exists {
		return err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO accounts (user_id, user_name, password_hash, roles, status)
		VALUES ('admin', 'Admin', $1, '{admin}', 'active') ON CONFLICT DO NOTHING`, hash)
	if err != nil {
		return fmt.Errorf("create account admin: %w", err)
	}
	return nil
}
