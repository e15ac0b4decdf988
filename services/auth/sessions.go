package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/every"
	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/page"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
)

// tellEvery is how often revocations are looked for that the state store does not know of yet.
const tellEvery = 2 * time.Second

// Session is a place where a user is logged in.
type Session struct {
	ID         uuid.UUID `json:"id"`
	CreatedAt  time.Time `json:"createdAt"`
	LastUsedAt time.Time `json:"lastUsedAt"`
	UserAgent  string    `json:"userAgent"`
	Address    string    `json:"address"`
	Current    bool      `json:"current" doc:"The one that asks."`
}

type sessionsOutput struct{ Body page.List[Session] }

func (s *service) listSessions(ctx context.Context, _ *struct{}) (*sessionsOutput, error) {
	user := token.From(ctx)
	rows, err := s.db.Query(ctx, `SELECT id, created_at, last_used_at, user_agent, address, id::text = $2 FROM sessions
		WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now() ORDER BY last_used_at DESC, id`, user.ID, user.Session)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Session])
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return &sessionsOutput{page.List[Session]{Items: all}}, nil
}

// loggedOut also deletes the refresh cookie.
type loggedOut struct {
	SetCookie *http.Cookie `header:"Set-Cookie"`
}

func (s *service) logOut(ctx context.Context, _ *struct{}) (*loggedOut, error) {
	user := token.From(ctx)
	return &loggedOut{s.cookie("", 0)}, s.end(ctx, `user_id = $1 AND id::text = $2`, user.ID, user.Session)
}

func (s *service) logOutEverywhere(ctx context.Context, _ *struct{}) (*loggedOut, error) {
	return &loggedOut{s.cookie("", 0)}, s.end(ctx, `user_id = $1`, token.From(ctx).ID)
}

func (s *service) endSession(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id"`
}) (*struct{}, error) {
	user := token.From(ctx)
	var mine bool
	err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sessions WHERE user_id = $1 AND id = $2)`, user.ID, in.ID).Scan(&mine)
	if err != nil {
		return nil, fmt.Errorf("look up session: %w", err)
	}
	if !mine {
		return nil, problem.NotFound(problem.CodeNotFound, "you have no such session")
	}
	return nil, s.end(ctx, `user_id = $1 AND id = $2`, user.ID, in.ID)
}

// end revokes the sessions that the condition names, everywhere and at once. When the state store can't be told now it is told later,
// and until then access tokens of these sessions still open doors: the answer says so.
func (s *service) end(ctx context.Context, where string, args ...any) error {
	var ended []string
	err := s.out.InTx(ctx, func(tx pgx.Tx) (err error) {
		ended, err = s.revoke(ctx, tx, where, args...)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.tell(ctx, ended); err != nil {
		s.Log.ErrorContext(ctx, "sessions have ended and the state store does not know it yet", "sessions", ended, "err", err)
		return problem.Unavailable("the session has ended, and not all parts of the platform know it yet; they will be told")
	}
	return nil
}

// revoke ends sessions as part of a transaction, with the event that has their sockets closed, and returns their ids, which the state
// store is to be told after the commit. Those that had ended before and that it was not told of are among them.
func (s *service) revoke(ctx context.Context, tx pgx.Tx, where string, args ...any) ([]string, error) {
	rows, err := tx.Query(ctx, `UPDATE sessions SET revoked_at = coalesce(revoked_at, now()) WHERE NOT told AND `+where+` RETURNING user_id, id::text`, args...)
	if err != nil {
		return nil, fmt.Errorf("revoke sessions: %w", err)
	}
	var userID, id string
	var ids []string
	if _, err := pgx.ForEachRow(rows, []any{&userID, &id}, func() error { ids = append(ids, id); return nil }); err != nil {
		return nil, fmt.Errorf("revoke sessions: %w", err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return ids, s.out.Add(ctx, tx, outbox.Event{PubSub: app.PubSubFanout, Topic: "auth.session.revoked", Key: userID, Data: struct {
		UserID     string   `json:"userId"`
		SessionIDs []string `json:"sessionIds"`
	}{userID, ids}})
}

// tellAtOnce is how many sessions one call tells of, tellFor how long the state store keeps it: as long as a token of theirs can be valid.
const (
	tellAtOnce = 100
	tellFor    = token.Lifetime + time.Minute
)

// tell writes that sessions have ended to the state store, where every service looks.
func (s *service) tell(ctx context.Context, sessions []string) error {
	for some := range slices.Chunk(sessions, tellAtOnce) {
		if err := s.tellSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) tellSome(ctx context.Context, sessions []string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	items := make([]*dapr.SetStateItem, len(sessions))
	for i, id := range sessions {
		items[i] = &dapr.SetStateItem{
			Key: token.RevokedKey(id), Value: []byte(`true`), Metadata: map[string]string{"ttlInSeconds": fmt.Sprint(int(tellFor.Seconds()))},
		}
	}
	if err := s.Dapr.SaveBulkState(ctx, app.StateStore, items...); err != nil {
		return fmt.Errorf("tell that sessions have ended: %w", err)
	}
	if _, err := s.db.Exec(ctx, `UPDATE sessions SET told = true WHERE id = ANY($1::text[]::uuid[])`, sessions); err != nil {
		return fmt.Errorf("note that sessions were told: %w", err)
	}
	return nil
}

// tellSoon tells now, or else leaves it to tellRevocations.
func (s *service) tellSoon(ctx context.Context, sessions []string) {
	if err := s.tell(ctx, sessions); err != nil {
		s.Log.WarnContext(ctx, "the state store does not know yet that sessions have ended", "sessions", sessions, "err", err)
	}
}

// tellRest tells what a crash or an outage left untold, unless no token can be valid any more that it matters for.
func (s *service) tellRest(ctx context.Context) error {
	rows, err := s.db.Query(ctx, `SELECT id::text FROM sessions WHERE revoked_at > now() - $1::interval AND NOT told LIMIT 1000`, tellFor)
	if err != nil {
		return fmt.Errorf("look for revoked sessions: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for revoked sessions: %w", err)
	}
	return s.tell(ctx, ids)
}

// tellRevocations tells what a crash or an outage left untold, until the context ends.
func (s *service) tellRevocations(ctx context.Context) error {
	return every.Run(ctx, tellEvery, "revocations wait", s.tellRest)
}

// cleanUp deletes what nobody needs any more, until the context ends.
func (s *service) cleanUp(ctx context.Context) error {
	return every.Run(ctx, time.Hour, "old sessions stay for now", s.clean)
}

// clean deletes sessions that ended a day ago, refresh tokens that were replaced a week ago, sagas that ended a month ago, and limits
// that limit nothing.
func (s *service) clean(ctx context.Context) error {
	for _, statement := range []string{
		`DELETE FROM sessions WHERE revoked_at < now() - interval '1 day' OR expires_at < now() - interval '1 day'`,
		`DELETE FROM refresh_tokens WHERE replaced_at < now() - interval '7 days'`,
		`DELETE FROM sagas WHERE state = 'finished' AND created_at < now() - interval '30 days'`,
	} {
		if _, err := s.db.Exec(ctx, statement); err != nil {
			return fmt.Errorf("clean: %w", err)
		}
	}
	return s.forgetLimits(ctx)
}
