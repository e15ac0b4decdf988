package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"moim.dev/moim/test/client"
)

func signUp(t *testing.T, c client.Client) {
	records, err := c.SignUp(t.Context(), "first", "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"auth": "success", "chat": "pending", "customer": "pending"}
	if diff := cmp.Diff(want, records[0].Services); diff != "" || records[0].Status != "pending" {
		t.Errorf("first event: %s %s", records[0].Status, diff)
	}
	want = map[string]string{"auth": "success", "chat": "success", "customer": "success"}
	last := records[len(records)-1]
	if diff := cmp.Diff(want, last.Services); diff != "" || last.Status != "complete" || len(records) != 3 {
		t.Errorf("last of %d events: %s %s", len(records), last.Status, diff)
	}
	again, err := c.Watch(t.Context(), last.ID, 1)
	if diff := cmp.Diff(records[1:], again); err != nil || diff != "" {
		t.Errorf("resumed after the first event: %v %s", err, diff)
	}
	records, err = c.SignUp(t.Context(), "first", "another password")
	if err != nil {
		t.Fatal(err)
	}
	want = map[string]string{"auth": "duplicate", "chat": "skipped", "customer": "skipped"}
	if diff := cmp.Diff(want, records[0].Services); diff != "" || records[0].Status != "failed" || len(records) != 1 {
		t.Errorf("an id that is taken: %v", records)
	}
	for field, in := range map[string]map[string]string{
		"body.userId":   {"userId": "No Good", "userName": "x", "password": "correct horse battery"},
		"body.userName": {"userId": "good", "userName": "", "password": "correct horse battery"},
		"body.password": {"userId": "good", "userName": "x", "password": "short"},
	} {
		err := (&client.Session{Client: c}).Do(t.Context(), http.MethodPost, "/api/auth/users", in, nil)
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != 422 || p.Errors[0].Field != field {
			t.Errorf("%v: %v, want a problem of %s", in, err, field)
		}
	}
}

func account(t *testing.T, c client.Client) {
	session, err := c.New(t.Context(), "changer")
	if err != nil {
		t.Fatal(err)
	}
	var profile struct{ Name, StatusMessage string }
	if err := session.Do(t.Context(), http.MethodPatch, "/api/user/me", map[string]string{"statusMessage": "here"}, &profile); err != nil || profile.StatusMessage != "here" {
		t.Errorf("profile: %v %v", profile, err)
	}
	var customer struct {
		Balance int `json:"balance"`
	}
	if err := session.Do(t.Context(), http.MethodGet, "/api/customer/me", nil, &customer); err != nil || customer.Balance != 0 {
		t.Errorf("customer: %v %v", customer, err)
	}
	if err := session.Do(t.Context(), http.MethodGet, "/api/auth/admin/users", nil, nil); client.Code(err) != "forbidden" {
		t.Errorf("list of users: %v", err)
	}
	if err := session.Do(t.Context(), http.MethodDelete, "/api/auth/me", map[string]string{"password": "wrong password"}, nil); client.Code(err) != "validation" {
		t.Errorf("deletion with a wrong password: %v", err)
	}
	if err := session.Do(t.Context(), http.MethodDelete, "/api/auth/me", map[string]string{"password": "correct horse battery"}, nil); err != nil {
		t.Errorf("deletion: %v", err)
	}
	if _, err := c.LogIn(t.Context(), "changer", "correct horse battery"); client.Code(err) != "invalid_credentials" {
		t.Errorf("logging in after deletion: %v", err)
	}
	if records, err := c.SignUp(t.Context(), "changer", "correct horse battery"); err != nil || records[0].Services["auth"] != "duplicate" {
		t.Errorf("the id of a deleted account: %v %v", records, err)
	}
}

func crowd(t *testing.T, c client.Client) {
	const n = 1000
	var mu sync.Mutex
	sagas := map[string]bool{}
	var group errgroup.Group
	for i := range n {
		group.Go(func() error {
			userID := fmt.Sprintf("crowd-%d", i)
			records, err := c.SignUp(t.Context(), userID, "correct horse battery")
			if err != nil {
				return fmt.Errorf("%s: %w", userID, err)
			}
			for version, r := range records {
				if r.UserID != userID || r.ID != records[0].ID || r.Version != version+1 {
					return fmt.Errorf("the stream of %s has %v", userID, r)
				}
			}
			if last := records[len(records)-1]; last.Status != "complete" || len(records) != 3 {
				return fmt.Errorf("the stream of %s ended with %v", userID, last)
			}
			mu.Lock()
			defer mu.Unlock()
			sagas[records[0].ID] = true
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(sagas) != n {
		t.Errorf("%d sagas for %d signups", len(sagas), n)
	}
}
