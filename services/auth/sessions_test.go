package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/token"
	"moim.dev/moim/test/client"
)

const me = "/api/auth/me"

func (f *fixture) logsIn(t *testing.T) {
	c, other := f.both(t)
	id := newUser(t, c)
	for name, in := range map[string][2]string{
		"a wrong password":     {id, "correct horse batterx"},
		"nobody":               {newID("nobody"), password},
		"nobody at all":        {"", ""},
		"what can be nobody's": {"x/" + id, password},
	} {
		if _, err := c.LogIn(t.Context(), in[0], in[1]); client.Code(err) != "invalid_credentials" {
			t.Errorf("%s: %v, want invalid_credentials", name, err)
		}
	}
	s := login(t, c, id)
	var got Account
	if err := (&client.Session{Client: other, Access: s.Access}).Do(t.Context(), http.MethodGet, me, nil, &got); err != nil {
		t.Fatal(err)
	}
	if got.UserID != id || !strings.EqualFold(got.UserName, id) || len(got.Roles) != 0 || time.Since(got.CreatedAt) > time.Minute {
		t.Errorf("I am %+v", got)
	}
	if err := (&client.Session{Client: other}).Do(t.Context(), http.MethodGet, me, nil, nil); client.Code(err) != "unauthenticated" {
		t.Errorf("without a token: %v, want unauthenticated", err)
	}
}

func (f *fixture) setsCookie(t *testing.T) {
	c, _ := f.both(t)
	body, err := json.Marshal(map[string]string{"userId": newUser(t, c), "password": password})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(c.Base+"/api/auth/sessions", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cookies := resp.Cookies()
	if resp.StatusCode != http.StatusCreated || len(cookies) != 1 || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s, %v, Cache-Control %q", resp.Status, cookies, resp.Header.Get("Cache-Control"))
	}
	k := cookies[0]
	if k.Name != "moim_refresh" || !k.HttpOnly || !k.Secure || k.SameSite != http.SameSiteStrictMode || k.Path != "/api/auth" || k.MaxAge != 30*24*3600 {
		t.Errorf("the cookie is %v", k)
	}
}

func (f *fixture) rotates(t *testing.T) {
	c, other := f.both(t)
	s := login(t, c, newUser(t, c))
	used := []string{s.Refresh}
	for range 3 {
		next, err := other.Renew(t.Context(), s.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(used, next.Refresh) || next.Access == "" {
			t.Fatal("the refresh token was not replaced")
		}
		s, used = next, append(used, next.Refresh)
		c, other = other, c
	}
	if err := s.Do(t.Context(), http.MethodGet, me, nil, nil); err != nil {
		t.Errorf("the renewed access token: %v", err)
	}
	for name, refresh := range map[string]string{"no token": "", "an invented token": "cmVmcmVzaA"} {
		if _, err := c.Renew(t.Context(), refresh); client.Code(err) != "refresh_invalid" {
			t.Errorf("%s: %v, want refresh_invalid", name, err)
		}
	}
}

// outlast makes the moment pass in which a replaced token still gets an answer.
func (f *fixture) outlast(t *testing.T, userID string) {
	t.Helper()
	_, err := f.db.Exec(t.Context(), `UPDATE auth.refresh_tokens SET replaced_at = replaced_at - interval '11 seconds'
		WHERE session_id IN (SELECT id FROM auth.sessions WHERE user_id = $1)`, userID)
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) findsReuse(t *testing.T) {
	c, other := f.both(t)
	id := newUser(t, c)
	stolen := login(t, c, id)
	elsewhere := login(t, c, id)
	owner, err := c.Renew(t.Context(), stolen.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	f.outlast(t, id)
	if _, err := other.Renew(t.Context(), stolen.Refresh); client.Code(err) != "refresh_reused" {
		t.Fatalf("a replaced token: %v, want refresh_reused", err)
	}
	if _, err := c.Renew(t.Context(), owner.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("the token that replaced it: %v, want refresh_invalid", err)
	}
	if err := owner.Do(t.Context(), http.MethodGet, me, nil, nil); client.Code(err) != "token_revoked" {
		t.Errorf("the session's access token: %v, want token_revoked", err)
	}
	if _, err := c.Renew(t.Context(), elsewhere.Refresh); err != nil {
		t.Errorf("another session of the user: %v", err)
	}
}

// forgivesRace: tabs that renew at the same moment, over both replicas, all go on; and yet what a thief has is found out.
func (f *fixture) forgivesRace(t *testing.T) {
	c, other := f.both(t)
	id := newUser(t, c)
	s := login(t, c, id)
	const tabs = 8
	sessions := make([]*client.Session, tabs)
	var group errgroup.Group
	for i := range tabs {
		group.Go(func() (err error) {
			sessions[i], err = []client.Client{c, other}[i%2].Renew(t.Context(), s.Refresh)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	next, err := c.Renew(t.Context(), sessions[3].Refresh)
	if err != nil {
		t.Fatalf("one of the tabs' tokens: %v", err)
	}
	f.outlast(t, id)
	if _, err := c.Renew(t.Context(), sessions[5].Refresh); client.Code(err) != "refresh_reused" {
		t.Errorf("another tab's token after that: %v, want refresh_reused", err)
	}
	if _, err := c.Renew(t.Context(), next.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("after the reuse: %v, want refresh_invalid", err)
	}
}

func (f *fixture) logsOut(t *testing.T) {
	c, other := f.both(t)
	s := login(t, c, newUser(t, c))
	there := &client.Session{Client: other, Access: s.Access}
	if err := there.Do(t.Context(), http.MethodGet, me, nil, nil); err != nil {
		t.Fatal(err)
	}
	id := sessionOf(t, s)
	end(t, s, "/current")
	began := time.Now()
	eventually(t, 2*time.Second, "revoked at the other replica", func() bool {
		return client.Code(there.Do(t.Context(), http.MethodGet, me, nil, nil)) == "token_revoked"
	})
	if took := time.Since(began); took > 1100*time.Millisecond {
		t.Errorf("the other replica took %s to know, want 1 s at most", took)
	}
	if _, err := other.Renew(t.Context(), s.Refresh); client.Code(err) != "refresh_invalid" {
		t.Errorf("the refresh token: %v, want refresh_invalid", err)
	}
	if ttl := f.redis(t, "TTL", token.RevokedKey(id)); ttl == "-1" || ttl == "-2" || len(ttl) != 3 {
		t.Errorf("the revocation is kept %s seconds, want as long as a token lasts", ttl)
	}
	eventually(t, 5*time.Second, "told to the sockets", func() bool {
		return strings.Contains(f.redis(t, "XRANGE", "auth.session.revoked", "-", "+"), id)
	})
}

// sessionOf is the id of a session, out of its access token.
func sessionOf(t *testing.T, s *client.Session) string {
	t.Helper()
	list := ownSessions(t, s)
	for _, one := range list {
		if one.Current {
			return one.ID.String()
		}
	}
	t.Fatalf("none of %v is current", list)
	return ""
}

func ownSessions(t *testing.T, s *client.Session) []Session {
	t.Helper()
	var list struct{ Items []Session }
	if err := s.Do(t.Context(), http.MethodGet, "/api/auth/sessions", nil, &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func (f *fixture) listsSessions(t *testing.T) {
	address := newAddress()
	c := f.at(t, "auth-0", address)
	id := newUser(t, c)
	first, second, third := login(t, c, id), login(t, c, id), login(t, c, id)
	list := ownSessions(t, first)
	if len(list) != 3 {
		t.Fatalf("%d sessions, want 3", len(list))
	}
	for _, s := range list {
		if s.Address != address || !strings.HasPrefix(s.UserAgent, "Go-http-client") {
			t.Errorf("a session is from %q with %q", s.Address, s.UserAgent)
		}
	}
	if client.Code(login(t, c, newUser(t, c)).Do(t.Context(), http.MethodDelete, "/api/auth/sessions/"+sessionOf(t, first), nil, nil)) != "not_found" {
		t.Error("somebody else could end my session")
	}
	end(t, first, "/"+sessionOf(t, second))
	if list := ownSessions(t, first); len(list) != 2 {
		t.Errorf("%d sessions after one has ended, want 2", len(list))
	}
	end(t, first, "")
	for _, s := range []*client.Session{first, second, third} {
		if _, err := c.Renew(t.Context(), s.Refresh); client.Code(err) != "refresh_invalid" {
			t.Errorf("after the end of all: %v, want refresh_invalid", err)
		}
	}
}

func end(t *testing.T, s *client.Session, path string) {
	t.Helper()
	if err := s.Do(t.Context(), http.MethodDelete, "/api/auth/sessions"+path, nil, nil); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) knowsAddress(t *testing.T) {
	c := client.Client{Base: f.URL()}
	id := newUser(t, c)
	s := login(t, c, id)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Base+"/api/auth/sessions",
		strings.NewReader(`{"userId":"`+id+`","password":"`+password+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.7") // The last one is what the trusted proxy saw.
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !slices.ContainsFunc(ownSessions(t, s), func(s Session) bool { return s.Address == "203.0.113.7" }) {
		t.Errorf("no session of %v is from the address that the gateway saw", ownSessions(t, s))
	}
}

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
	eventually(t, 2*time.Second, "revoked", func() bool {
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
	if one[string](t, f, `SELECT string_agg(user_id, ',') FROM chat.copies WHERE user_id = 'admin'`) != "admin" {
		t.Error("the other services do not know the administrator")
	}
}
