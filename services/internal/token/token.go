// Package token says who makes a request. Every service verifies access tokens itself: the signature with the keys that auth
// publishes, the session against the state store.
package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"moim.dev/moim/services/internal/problem"
)

// Issuer is the issuer and the audience of every access token.
const Issuer = "moim"

// Lifetime is how long an access token is valid.
const Lifetime = 15 * time.Minute

// RoleAdmin may see and change what belongs to others.
const RoleAdmin = "admin"

// Claims are those of an access token (RFC 7519).
type Claims struct {
	Name    string   `json:"name"`
	Roles   []string `json:"roles"`
	Session string   `json:"sid"`
	jwt.RegisteredClaims
}

// User is who makes a request.
type User struct {
	ID      string
	Name    string
	Roles   []string
	Session string
	Expires time.Time
}

// Admin says whether the user has the role admin.
func (u User) Admin() bool { return slices.Contains(u.Roles, RoleAdmin) }

type contextKey struct{}

// With returns a context in which From finds the user.
func With(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, contextKey{}, u)
}

// From returns who makes the request. It panics in an operation that asks for no token, which is a mistake in the program.
func From(ctx context.Context) User {
	u, ok := ctx.Value(contextKey{}).(User)
	if !ok {
		panic("token: the operation does not ask for a token")
	}
	return u
}

// Bearer takes the token out of an Authorization header; empty when there is none.
func Bearer(header string) string {
	scheme, raw, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(raw)
}

// Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct {
	keys     *keySet
	checked  *checked
	sessions *sessions
	parser   *jwt.Parser
}

// leeway is how much clocks may differ.
const leeway = 5 * time.Second

// NewVerifier makes a verifier that fetches keys through call and looks sessions up with revoked.
func NewVerifier(call *http.Client, revoked Revoked) *Verifier {
	return &Verifier{
		keys:     newKeySet(call),
		checked:  newChecked(),
		sessions: newSessions(revoked),
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
			jwt.WithIssuer(Issuer), jwt.WithAudience(Issuer), jwt.WithExpirationRequired(),
			jwt.WithLeeway(leeway),
		),
	}
}

// Verify returns whose token it is. Errors are problems: unauthenticated, token_expired, token_revoked, or unavailable when what
// decides could not be asked.
func (v *Verifier) Verify(ctx context.Context, raw string) (User, error) {
	if raw == "" {
		return User{}, problem.Unauthenticated(problem.CodeUnauthenticated, "an access token is needed: Authorization: Bearer …")
	}
	user, err := v.signed(ctx, raw)
	if err != nil {
		return User{}, err
	}
	revoked, err := v.sessions.revoked(ctx, user.Session)
	if err != nil {
		return User{}, problem.Unavailable("sessions cannot be checked at the moment")
	}
	if revoked {
		return User{}, problem.Unauthenticated(problem.CodeTokenRevoked, "the session has ended")
	}
	return user, nil
}

// signed returns whose token it is if a key of auth signed it and it has not expired.
func (v *Verifier) signed(ctx context.Context, raw string) (User, error) {
	hash := sha256.Sum256([]byte(raw))
	if t, known := v.checked.find(hash); known {
		// The key may have been withdrawn since.
		if key, err := v.keys.key(ctx, t.keyID); err == nil && key.Equal(t.key) {
			if time.Now().After(t.user.Expires.Add(leeway)) {
				return User{}, errExpired
			}
			return t.user, nil
		}
	}
	var claims Claims
	var t checkedToken
	_, err := v.parser.ParseWithClaims(raw, &claims, func(unverified *jwt.Token) (_ any, err error) {
		t.keyID, _ = unverified.Header["kid"].(string)
		t.key, err = v.keys.key(ctx, t.keyID)
		return t.key, err
	})
	var p *problem.Error
	switch {
	case errors.As(err, &p):
		return User{}, p
	case errors.Is(err, jwt.ErrTokenExpired):
		return User{}, errExpired
	case err != nil:
		return User{}, problem.Unauthenticated(problem.CodeUnauthenticated, "the access token is not valid")
	case claims.Subject == "" || claims.Session == "":
		return User{}, problem.Unauthenticated(problem.CodeUnauthenticated, "the access token names no user or session")
	}
	t.user = User{
		ID: claims.Subject, Name: claims.Name, Roles: claims.Roles,
		Session: claims.Session, Expires: claims.ExpiresAt.Time,
	}
	v.checked.add(hash, t)
	return t.user, nil
}

var errExpired = problem.Unauthenticated(problem.CodeTokenExpired, "the access token has expired")

// RevokedKey is the key of the state store that says that a session has ended.
func RevokedKey(session string) string { return "revoked/" + session }

// Sign makes an access token of a user for one session, signed with the key of that id.
func Sign(u User, key any, keyID string, now time.Time) (string, error) {
	roles := u.Roles
	if roles == nil {
		roles = []string{}
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, Claims{
		Name: u.Name, Roles: roles, Session: u.Session,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: Issuer, Audience: jwt.ClaimStrings{Issuer}, Subject: u.ID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(Lifetime)),
		},
	})
	t.Header["kid"] = keyID
	raw, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign access token: %w", err)
	}
	return raw, nil
}
