package main

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/test/client"
)

func (f *fixture) changesPassword(t *testing.T) {
	c, _ := f.both(t)
	id := newUser(t, c)
	s, other := login(t, c, id), login(t, c, id)
	change := func(current, next string) error {
		return s.Do(t.Context(), http.MethodPut, me+"/password", map[string]string{"currentPassword": current, "newPassword": next}, nil)
	}
	for name, in := range map[string][2]string{
		"a wrong present password":    {"correct horse batterx", "another horse battery"},
		"a new one that is too short": {password, "horse"},
		"a new one that is the id":    {password, id},
	} {
		if err := change(in[0], in[1]); client.Code(err) != "validation" {
			t.Errorf("%s: %v, want validation", name, err)
		}
	}
	if err := change(password, "another horse battery"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Renew(t.Context(), other.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("the other session: %v, want refresh_invalid", err)
	}
	if _, err := c.Renew(t.Context(), s.Refresh); err != nil {
		t.Errorf("this session: %v", err)
	}
	if _, err := c.LogIn(t.Context(), id, password); client.Code(err) != "invalid_credentials" {
		t.Errorf("the old password: %v, want invalid_credentials", err)
	}
	if _, err := c.LogIn(t.Context(), id, "another horse battery"); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// overtakesLogin holds a login up, by a lock, between the check of the password and the session, while the password is changed.
func (f *fixture) overtakesLogin(t *testing.T) {
	c, _ := f.both(t)
	id := newUser(t, c)
	lock, err := f.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback(t.Context()) //nolint:errcheck // It has been committed unless the test has failed.
	if _, err := lock.Exec(t.Context(), `UPDATE auth.accounts SET password_hash = 'changed' WHERE user_id = $1`, id); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error)
	go func() {
		_, err := c.LogIn(t.Context(), id, password)
		answer <- err
	}()
	eventually(t, 10*time.Second, "held up", func() bool {
		return one[int](t, f, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM accounts%FOR SHARE'`) > 0
	})
	if err := lock.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; client.Code(err) != "invalid_credentials" {
		t.Errorf("answered %v, want invalid_credentials", err)
	}
	if n := one[int](t, f, `SELECT count(*) FROM auth.sessions WHERE user_id = $1`, id); n != 0 {
		t.Errorf("there are %d sessions", n)
	}
}

func (f *fixture) followsNames(t *testing.T) {
	c, other := f.both(t)
	id := newUser(t, c)
	s := login(t, c, id)
	f.publish(t, profile.TopicChanged, profile.Changed{UserID: id, Name: "Second", Version: 2})
	f.publish(t, profile.TopicChanged, profile.Changed{UserID: id, Name: "First", Version: 1})
	eventually(t, 10*time.Second, "both handled", func() bool {
		return one[int](t, f, `SELECT count(*) FROM auth.inbox WHERE topic = $1`, profile.TopicChanged) == 2
	})
	renewed, err := other.Renew(t.Context(), s.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(renewed.Access, ".")[1])
	if err != nil || !strings.Contains(string(claims), `"name":"Second"`) {
		t.Errorf("the renewed token says %s (%v), want the name Second", claims, err)
	}
}

func (f *fixture) hashesAnew(t *testing.T) {
	c, _ := f.both(t)
	id := newUser(t, c)
	const old = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc" // "password"
	if _, err := f.db.Exec(t.Context(), `UPDATE auth.accounts SET password_hash = $2 WHERE user_id = $1`, id, old); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.LogIn(t.Context(), id, "password"); err != nil {
			t.Fatal(err)
		}
		if hash := one[string](t, f, `SELECT password_hash FROM auth.accounts WHERE user_id = $1`, id); !strings.HasPrefix(hash, prefix) {
			t.Errorf("the hash is still %s", hash)
		}
	}
}

func (f *fixture) deletesAccount(t *testing.T) {
	c, other := f.both(t)
	id := newUser(t, c)
	s := login(t, c, id)
	if err := s.Do(t.Context(), http.MethodDelete, me, map[string]string{"password": "correct horse batterx"}, nil); client.Code(err) != "validation" {
		t.Fatalf("with a wrong password: %v, want validation", err)
	}
	records := f.streamAs(t, s, http.MethodDelete, me, map[string]string{"password": password})
	if last := states(records)[len(records)-1]; last != "complete success success success" || records[0].Kind != kindDeletion || records[0].UserID != id {
		t.Errorf("the deletion ended with %s of %v", last, records)
	}
	if n := one[int](t, f, `SELECT (SELECT count(*) FROM chat.copies WHERE user_id = $1) + (SELECT count(*) FROM customer.copies WHERE user_id = $1)`, id); n != 0 {
		t.Errorf("%d copies are left", n)
	}
	eventually(t, 10*time.Second, "revoked", func() bool {
		err := (&client.Session{Client: other, Access: s.Access}).Do(t.Context(), http.MethodGet, me, nil, nil)
		return client.Code(err) == "token_revoked"
	})
	if _, err := c.LogIn(t.Context(), id, password); client.Code(err) != "invalid_credentials" {
		t.Errorf("logging in: %v, want invalid_credentials", err)
	}
	if records, err := c.SignUp(t.Context(), id, password); err != nil || records[0].Services["auth"] != duplicate {
		t.Errorf("the id was given again: %v, %v", records, err)
	}
	row := one[string](t, f, `SELECT user_name || password_hash || status || (SELECT string_agg(user_name, '') FROM auth.sagas WHERE user_id = $1)
		FROM auth.accounts WHERE user_id = $1`, id)
	if row != "deleted" {
		t.Errorf("the tombstone and the sagas hold %q", row)
	}
}

// streamAs reads a stream that a user who is logged in asks for.
func (f *fixture) streamAs(t *testing.T, s *client.Session, method, path string, in any) []Record {
	t.Helper()
	stream, err := openStream(t.Context(), s.Client, method, path, http.Header{"Authorization": {"Bearer " + s.Access}}, in)
	if err != nil {
		t.Fatal(err)
	}
	return stream.mustRest(t)
}

func (f *fixture) administrates(t *testing.T) {
	c, _ := f.both(t)
	id := newUser(t, c)
	user := login(t, c, id)
	admin, err := c.LogIn(t.Context(), "admin", f.Secret("auth", "adminPassword"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/auth/admin/users", "/api/auth/admin/sagas"} {
		if err := user.Do(t.Context(), http.MethodGet, path, nil, nil); client.Code(err) != "forbidden" {
			t.Errorf("%s for a user: %v, want forbidden", path, err)
		}
		if err := (&client.Session{Client: c}).Do(t.Context(), http.MethodGet, path, nil, nil); client.Code(err) != "unauthenticated" {
			t.Errorf("%s for anybody: %v, want unauthenticated", path, err)
		}
	}
	users := map[string]bool{}
	for cursor, first := "", true; first || cursor != ""; first = false {
		var list struct {
			Items      []AdminAccount
			NextCursor string
		}
		if err := admin.Do(t.Context(), http.MethodGet, "/api/auth/admin/users?limit=7&cursor="+cursor, nil, &list); err != nil {
			t.Fatal(err)
		}
		for _, u := range list.Items {
			if users[u.UserID] {
				t.Errorf("%s is on two pages", u.UserID)
			}
			users[u.UserID] = true
		}
		cursor = list.NextCursor
	}
	if want := one[int](t, f, `SELECT count(*) FROM auth.accounts`); len(users) != want || !users[id] || !users["admin"] {
		t.Errorf("the pages list %d users, want %d with %s and admin", len(users), want, id)
	}
	var sagas struct{ Items []AdminSaga }
	if err := admin.Do(t.Context(), http.MethodGet, "/api/auth/admin/sagas?limit=5", nil, &sagas); err != nil {
		t.Fatal(err)
	}
	if newest := sagas.Items[0]; len(sagas.Items) != 5 || newest.UserID != id || newest.State != stateFinished || newest.Record == nil || newest.Record.Status != complete {
		t.Errorf("the newest of %d sagas is %+v", len(sagas.Items), newest)
	}
	err = admin.Do(t.Context(), http.MethodDelete, me, map[string]string{"password": f.Secret("auth", "adminPassword")}, nil)
	if client.Code(err) != "conflict" {
		t.Errorf("the only administrator leaves: %v, want conflict", err)
	}
	if one[string](t, f, `SELECT string_agg(user_id, ',') FROM chat.copies WHERE user_id = 'admin'`) != "admin" {
		t.Error("the other services do not know the administrator")
	}
}
