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
	"moim.dev/moim/services/internal/text"
	"moim.dev/moim/services/internal/token"
)

type signupInput struct {
	Client
	Key  string `header:"Idempotency-Key" maxLength:"128" pattern:"^[\\x21-\\x7e]*$" patternDescription:"visible ASCII" doc:"A repetition of this request, with the same password, is answered with the stream of the signup it began."`
	Body struct {
		UserID   string `json:"userId" pattern:"^[a-z0-9][a-z0-9._-]{1,30}[a-z0-9]$" patternDescription:"3 to 32 lower-case letters, digits, dots, dashes and underscores, a letter or digit at both ends" doc:"Never changes and is never given to somebody else."`
		UserName string `json:"userName" minLength:"1" maxLength:"40" pattern:"^[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$" patternDescription:"a line of text"`
		Password string `json:"password" minLength:"10" maxLength:"128"`
	}
}

var errTaken = errors.New("the user id is taken")

// signUp makes an account, asks the participants, and streams what each of them answers.
func (s *service) signUp(ctx context.Context, in *signupInput) (*huma.StreamResponse, error) {
	userID := in.Body.UserID
	userName, err := text.Line(in.Body.UserName)
	if err != nil {
		return nil, problem.Field("body.userName", "%v", err)
	}
	if err := notID("body.password", in.Body.Password, userID); err != nil {
		return nil, err
	}
	if userID == adminID {
		return nil, problem.Field("body.userId", "expected another one: this is the administrator's")
	}
	if err := s.takeAll(ctx, s.signupLimits(userID, in.address())); err != nil {
		return nil, err
	}
	var taken bool
	if err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM accounts WHERE user_id = $1)`, userID).Scan(&taken); err != nil {
		return nil, fmt.Errorf("look up account: %w", err)
	}
	if taken {
		return s.refuseTaken(ctx, in, s.begin(kindSignup, userID, userName)) // Before the hash, which is the dear part.
	}
	hash, err := s.passwords.hash(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	h := s.begin(kindSignup, userID, userName) // Now, as the wait for the hash is not the participants' time.
	err = s.create(ctx, h, hash, []string{}, in.Key)
	if errors.Is(err, errTaken) {
		return s.refuseTaken(ctx, in, h)
	}
	if err != nil {
		return nil, err
	}
	return s.stream(h, 0), nil
}

// refuseTaken answers a signup whose user id is taken, unless it is the repetition of the one that has taken it: then with its stream.
func (s *service) refuseTaken(ctx context.Context, in *signupInput, h *history) (*huma.StreamResponse, error) {
	if in.Key == "" {
		return streamOne(h.taken()), nil
	}
	var id, hash string
	err := s.db.QueryRow(ctx, `SELECT s.id::text, a.password_hash FROM accounts a JOIN sagas s ON s.id = a.saga_id
		WHERE a.user_id = $1 AND s.key = $2`, in.Body.UserID, in.Key).Scan(&id, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return streamOne(h.taken()), nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up signup: %w", err)
	}
	same, err := s.passwords.check(ctx, hash, in.Body.Password)
	if err != nil {
		return nil, err
	}
	if !same {
		return streamOne(h.taken()), nil
	}
	begun, err := s.look(ctx, id)
	if isGone(err) { // It was too long ago to show.
		return streamOne(h.taken()), nil
	}
	if err != nil {
		return nil, err
	}
	return s.stream(begun, 0), nil
}

// create stores an account and asks the participants. The error is errTaken when there is such an account.
func (s *service) create(ctx context.Context, h *history, hash string, roles []string, key string) error {
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
		if err := insertSaga(ctx, tx, h, key); err != nil {
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

// keepAdmin refuses the end of the only administrator, for whom nobody could make another.
func keepAdmin(ctx context.Context, tx pgx.Tx, userID string) error {
	rows, err := tx.Query(ctx, `SELECT user_id FROM accounts WHERE status = 'active' AND roles @> $1 ORDER BY user_id FOR UPDATE`, []string{token.RoleAdmin})
	if err != nil {
		return fmt.Errorf("look for administrators: %w", err)
	}
	admins, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for administrators: %w", err)
	}
	if len(admins) == 1 && admins[0] == userID {
		return problem.Conflict(problem.CodeConflict, "the only administrator cannot be deleted")
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
	hash, err := s.confirm(ctx, user.ID, in.Body.Password, in.address(), "body.password")
	if err != nil {
		return nil, err
	}
	h := s.begin(kindDeletion, user.ID, user.Name)
	if err := s.open(ctx, h); err != nil {
		return nil, err
	}
	var ended []string
	err = s.out.InTx(ctx, func(tx pgx.Tx) error {
		if user.Admin() {
			if err := keepAdmin(ctx, tx, user.ID); err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, `UPDATE accounts SET status = 'deleted', password_hash = '', user_name = '', roles = '{}'
			WHERE user_id = $1 AND status = 'active' AND password_hash = $2`, user.ID, hash)
		if err != nil {
			return fmt.Errorf("delete account: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return errOvertaken
		}
		if ended, err = s.revoke(ctx, tx, `user_id = $1`, user.ID); err != nil {
			return err
		}
		if err := insertSaga(ctx, tx, h, ""); err != nil {
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
