package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"moim.dev/moim/services/internal/token"
	"moim.dev/moim/test/client"
)

// keepsSecrets looks everywhere outside of auth's own tables for what nobody else may see.
func (f *fixture) keepsSecrets(t *testing.T) {
	c, _ := f.both(t)
	s := login(t, c, newUser(t, c))
	if _, err := c.LogIn(t.Context(), s.UserID, "a wrong secret guess"); client.Code(err) != "invalid_credentials" {
		t.Fatal(err)
	}
	if _, err := c.SignUp(t.Context(), "No Such Id", "a refused secret password"); client.Code(err) != "validation" {
		t.Fatal(err)
	}
	places := map[string]string{
		"the requests of sagas":  f.RedisCommand(t, "XRANGE", "user.newUser.req", "-", "+"),
		"the answers of sagas":   f.RedisCommand(t, "XRANGE", "user.newUser.res", "-", "+"),
		"the ended sessions":     f.RedisCommand(t, "XRANGE", "auth.session.revoked", "-", "+"),
		"the events that wait":   one[string](t, f, `SELECT coalesce(string_agg(data, ''), '') FROM auth.outbox`),
		"the index of the sagas": one[string](t, f, `SELECT string_agg(s::text, '') FROM auth.sagas s`),
	}
	for _, key := range strings.Fields(f.RedisCommand(t, "KEYS", "saga/*")) {
		places["the records of sagas"] += f.RedisCommand(t, "HGETALL", key)
	}
	if !strings.Contains(places["the requests of sagas"], s.UserID) || !strings.Contains(places["the records of sagas"], s.UserID) {
		t.Fatal("the user is not found in events and records, so nothing was looked at")
	}
	for _, name := range f.Names() {
		log, err := os.ReadFile(f.Log(name))
		if err != nil {
			t.Fatal(err)
		}
		places["the log of "+name] = string(log)
	}
	secrets := map[string]string{
		"a password": password, "a wrong password": "a wrong secret guess", "a refused password": "a refused secret password",
		"a hash": "$argon2id$", "a refresh token": s.Refresh, "an access token": s.Access, "the administrator's password": f.Secret("auth", "adminPassword"),
		"the secret of the keys": f.Secret("auth", "keySecret"),
	}
	for place, text := range places {
		for what, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %s", place, what)
			}
		}
	}
	hashes := one[string](t, f, `SELECT string_agg(encode(hash, 'escape'), '') FROM auth.refresh_tokens`)
	if strings.Contains(hashes, s.Refresh) {
		t.Error("the database holds a refresh token itself")
	}
}

// survivesOutage: with the state store away nobody signs up, and a logout is made up for.
func (f *fixture) survivesOutage(t *testing.T) {
	c, other := f.both(t)
	s := login(t, c, newUser(t, c))
	session := sessionOf(t, s)
	f.StopProcess(t.Context(), "redis")
	id := newID("unlucky")
	if _, err := other.SignUp(t.Context(), id, password); client.Code(err) != "unavailable" {
		t.Errorf("a signup without a state store: %v, want unavailable", err)
	}
	if err := s.Do(t.Context(), http.MethodDelete, "/api/auth/sessions/current", nil, nil); client.Code(err) != "unavailable" {
		t.Errorf("a logout that not everybody can know of: %v, want unavailable", err)
	}
	if _, err := other.Renew(t.Context(), s.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("the session that was to end: %v, want refresh_invalid", err)
	}
	f.StartProcess("redis")
	if err := f.WaitReady(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "made up for", func() bool { return f.RedisCommand(t, "EXISTS", token.RevokedKey(session)) == "1" })
	if n := one[int](t, f, `SELECT count(*) FROM auth.accounts WHERE user_id = $1`, id); n != 0 {
		t.Error("a signup that was refused has left an account")
	}
	f.awaitReplica(t, "auth-0")
	f.awaitReplica(t, "auth-1")
	if records, err := other.SignUp(t.Context(), id, password); err != nil || records[0].Services["auth"] != success {
		t.Errorf("the same signup afterwards: %v, %v", records, err)
	}
}
