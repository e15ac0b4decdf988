package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
)

var (
	errCredentials    = problem.Unauthenticated("invalid_credentials", "the user id or the password is wrong")
	errRefreshInvalid = problem.Unauthenticated("refresh_invalid", "the session has ended; log in again")
	errRefreshReused  = problem.Unauthenticated("refresh_reused", "the refresh token was used before, so the session has been ended; log in again")
)

// refreshGrace is how long a replaced refresh token still gets an answer: for a client whose other tab was faster, or that lost the
// answer. It gets one more live token. That is safe, as reuse is only found out later: whichever of the live tokens is used first ends
// the others, and who comes with one of those afterwards ends the session. A thief who is within the moment gains one renewal.
const refreshGrace = 10 * time.Second

// maxSessions is how many sessions a user has at most; beyond it, the one that has not been used for longest ends.
const maxSessions = 100

// UserInfo is what others may know of an account.
type UserInfo struct {
	UserID   string   `json:"userId"`
	UserName string   `json:"userName"`
	Roles    []string `json:"roles" nullable:"false"`
}

type loginInput struct {
	Client
	Body struct {
		UserID   string `json:"userId" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"a line of text"`
		Password string `json:"password" maxLength:"128"`
	}
}

// grant is an access token, with the refresh token in its cookie.
type grant struct {
	SetCookie    *http.Cookie `header:"Set-Cookie"`
	CacheControl string       `header:"Cache-Control"`
	Body         struct {
		AccessToken string   `json:"accessToken"`
		ExpiresIn   int      `json:"expiresIn" doc:"Seconds."`
		User        UserInfo `json:"user"`
	}
}

func (s *service) logIn(ctx context.Context, in *loginInput) (*grant, error) {
	if err := s.takeLogin(ctx, in.Body.UserID, in.address()); err != nil {
		return nil, err
	}
	user, hash, err := s.authenticate(ctx, in.Body.UserID, in.Body.Password)
	if err != nil {
		return nil, err
	}
	s.forgiveLogin(ctx, in.Body.UserID, in.address())
	session, raw := uuid.New(), newRefreshToken()
	var ended []string
	err = s.out.InTx(ctx, func(tx pgx.Tx) error {
		var still bool // Whoever changes the password or deletes the account ends the sessions there are: this one must not come after.
		err := tx.QueryRow(ctx, `SELECT true FROM accounts WHERE user_id = $1 AND status = 'active' AND password_hash = $2 FOR SHARE`,
			user.UserID, hash).Scan(&still)
		if errors.Is(err, pgx.ErrNoRows) {
			return errCredentials
		}
		if err != nil {
			return fmt.Errorf("lock account: %w", err)
		}
		if ended, err = s.revoke(ctx, tx, `id IN (SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL
			ORDER BY last_used_at DESC, id OFFSET $2)`, user.UserID, maxSessions-1); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(`INSERT INTO sessions (id, user_id, user_agent, address, expires_at) VALUES ($1, $2, $3, $4, now() + $5::interval)`,
			session, user.UserID, in.agent(), in.address(), s.cfg.SessionLifetime)
		batch.Queue(`INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)`, hashRefresh(raw), session)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return nil, fmt.Errorf("start session: %w", err)
	}
	s.tellSoon(ctx, ended)
	return s.grant(user, session, raw)
}

// authenticate returns the account that the password opens, and the hash that it has been found to match.
func (s *service) authenticate(ctx context.Context, userID, password string) (user UserInfo, hash string, err error) {
	user.UserID = userID
	err = s.db.QueryRow(ctx, `SELECT user_name, roles, password_hash FROM accounts WHERE user_id = $1 AND status = 'active'`, userID).
		Scan(&user.UserName, &user.Roles, &hash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return user, "", fmt.Errorf("look up account: %w", err)
	}
	same, err := s.passwords.check(ctx, hash, password)
	if err != nil {
		return user, "", err
	}
	if !same {
		return user, "", errCredentials
	}
	if s.passwords.stale(hash) {
		hash = s.rehash(ctx, userID, hash, password)
	}
	return user, hash, nil
}

// rehash replaces a hash that was made with other parameters than today's, now that the password is known, and returns the one that counts.
func (s *service) rehash(ctx context.Context, userID, old, password string) string {
	hash, err := s.passwords.hash(ctx, password)
	if err == nil {
		_, err = s.db.Exec(ctx, `UPDATE accounts SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2`, userID, old, hash)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "password not hashed anew, next time then", "user", userID, "err", err)
		return old
	}
	return hash
}

func (s *service) grant(user UserInfo, session uuid.UUID, refresh string) (*grant, error) {
	access, err := s.keys.sign(token.User{ID: user.UserID, Name: user.UserName, Roles: user.Roles, Session: session.String()}, time.Now())
	if err != nil {
		return nil, err
	}
	g := &grant{CacheControl: "no-store", SetCookie: s.cookie(refresh, s.cfg.SessionLifetime)}
	g.Body.AccessToken, g.Body.ExpiresIn, g.Body.User = access, int(token.Lifetime.Seconds()), user
	return g, nil
}

// cookie holds the refresh token; an empty one is deleted.
func (s *service) cookie(refresh string, lifetime time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: "moim_refresh", Value: refresh, Path: "/api/auth", MaxAge: int(lifetime.Seconds()),
		HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
	}
	if refresh == "" {
		c.MaxAge = -1
	}
	return c
}

func newRefreshToken() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // Never fails.
	return base64.RawURLEncoding.EncodeToString(raw)
}

func hashRefresh(raw string) []byte {
	sum := sha256.Sum256([]byte(raw))
	return sum[:]
}

type refreshInput struct {
	Client
	Cookie string `cookie:"moim_refresh" hidden:"true"`
}

// refresh replaces the refresh token and gives a new access token. A token that was replaced longer ago than a moment is in the hands
// of two, and ends the session.
func (s *service) refresh(ctx context.Context, in *refreshInput) (*grant, error) {
	if in.Cookie == "" {
		return nil, errRefreshInvalid
	}
	if err := s.takeRefresh(ctx, in.address()); err != nil {
		return nil, err
	}
	var user UserInfo
	var session uuid.UUID
	var ended []string
	raw := newRefreshToken()
	err := s.out.InTx(ctx, func(tx pgx.Tx) error {
		var live, inGrace bool
		err := tx.QueryRow(ctx, `SELECT s.id, a.user_id, a.user_name, a.roles, t.replaced_at IS NULL, coalesce(t.replaced_at > now() - $2::interval, false)
			FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN accounts a USING (user_id)
			WHERE t.hash = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND a.status = 'active' FOR UPDATE OF s, t`,
			hashRefresh(in.Cookie), refreshGrace).
			Scan(&session, &user.UserID, &user.UserName, &user.Roles, &live, &inGrace)
		if errors.Is(err, pgx.ErrNoRows) {
			return errRefreshInvalid
		}
		if err != nil {
			return fmt.Errorf("look up session: %w", err)
		}
		if !live && !inGrace {
			ended, err = s.revoke(ctx, tx, `id = $1`, session)
			return err
		}
		batch := &pgx.Batch{}
		if live {
			batch.Queue(`UPDATE refresh_tokens SET replaced_at = now() WHERE session_id = $1 AND replaced_at IS NULL`, session)
		}
		batch.Queue(`INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)`, hashRefresh(raw), session)
		batch.Queue(`UPDATE sessions SET last_used_at = now(), expires_at = now() + $2::interval WHERE id = $1`, session, s.cfg.SessionLifetime)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return nil, err
	}
	if ended != nil {
		s.Log.WarnContext(ctx, "refresh token reused, session ended", "user", user.UserID, "session", session)
		s.tellSoon(ctx, ended)
		return nil, errRefreshReused
	}
	return s.grant(user, session, raw)
}
