package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/services/internal/standin"
	"moim.dev/moim/services/internal/token"
	"moim.dev/moim/test/stack"
)

const (
	replicas = 2
	me       = "/api/customer/me"
)

type customer struct {
	*standin.Platform
	db    *pgxpool.Pool
	admin string // A token.
}

func TestCustomer(t *testing.T) {
	p := standin.Start(t, standin.Options{Service: stack.Service{App: "customer", Replicas: replicas}})
	db, err := pgxpool.New(t.Context(), p.DSN("customer")+"?search_path=customer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	c := customer{p, db, p.Token(t, "boss", token.RoleAdmin)}
	t.Run("refusals", c.testRefusals)
	t.Run("balance", c.testBalance)
	t.Run("at once", c.testAtOnce)
	t.Run("saga", c.testSaga)
	t.Run("profile", c.testProfile)
	t.Run("outage", c.testOutage)
	t.Run("openapi", c.testOpenAPI)
}

// signUp makes a customer by a signup and returns the access token.
func (c customer) signUp(t *testing.T, id string) (token string) {
	t.Helper()
	if answer := c.Ask(t, uuid.NewString(), saga.Create, id, "Name of "+id); answer != saga.Success {
		t.Fatalf("signup of %s: %s", id, answer)
	}
	return c.Token(t, id)
}

func (c customer) call(t *testing.T, r standin.Request, out any) {
	t.Helper()
	if _, err := c.Do(t.Context(), r, out); err != nil {
		t.Fatalf("%s %s %v: %v", r.Method, r.Path, r.Body, err)
	}
}

func (c customer) get(t *testing.T, token, path string, out any) {
	t.Helper()
	c.call(t, standin.Request{Method: http.MethodGet, Path: path, Token: token}, out)
}

// booking is a request to book an amount.
func (c customer) booking(user, event string, amount any) standin.Request {
	return standin.Request{
		Method: http.MethodPost, Path: "/api/customer/customers/" + user + "/transactions", Token: c.admin,
		Body: map[string]any{"eventId": event, "amount": amount, "reason": "Test"},
	}
}

// is says whether an error is a problem of that status and code.
func is(err error, status int, code string) bool {
	var p *problem.Error
	return errors.As(err, &p) && p.Status == status && p.Code == code
}

func (c customer) testRefusals(t *testing.T) {
	mina := c.signUp(t, "refusal")
	as := func(token string, r standin.Request) standin.Request {
		r.Token = token
		return r
	}
	body := func(field string, value any) standin.Request {
		r := c.booking("refusal", "refused", 1)
		r.Body.(map[string]any)[field] = value
		return r
	}
	for name, test := range map[string]struct {
		standin.Request
		status int
		code   string
	}{
		"my record without a token":        {standin.Request{Method: "GET", Path: me}, 401, "unauthenticated"},
		"my transactions without a token":  {standin.Request{Method: "GET", Path: me + "/transactions"}, 401, "unauthenticated"},
		"booking without a token":          {as("", c.booking("refusal", "refused", 1)), 401, "unauthenticated"},
		"booking for oneself":              {as(mina, c.booking("refusal", "refused", 1)), 403, "forbidden"},
		"my record before it is here":      {standin.Request{Method: "GET", Path: me, Token: c.Token(t, "unknown")}, 404, "not_found"},
		"booking for nobody":               {c.booking("nobody", "refused", 1), 404, "not_found"},
		"booking for what is no user id":   {c.booking("No%00body", "refused", 1), 422, "validation"},
		"booking nothing":                  {c.booking("refusal", "refused", 0), 422, "validation"},
		"booking a fraction":               {c.booking("refusal", "refused", .5), 422, "validation"},
		"booking more than there can be":   {c.booking("refusal", "refused", 1_000_000_000_001), 422, "validation"},
		"booking what isn't there":         {c.booking("refusal", "refused", -1), 409, "insufficient_balance"},
		"booking without an event":         {body("eventId", ""), 422, "validation"},
		"an event with a blank":            {body("eventId", "a b"), 422, "validation"},
		"an event of 129 characters":       {body("eventId", strings.Repeat("a", 129)), 422, "validation"},
		"booking without a reason":         {body("reason", ""), 422, "validation"},
		"a reason with a NUL":              {body("reason", "a\x00b"), 422, "validation"},
		"a reason of 201 characters":       {body("reason", strings.Repeat("a", 201)), 422, "validation"},
		"a limit of 101":                   {standin.Request{Method: "GET", Path: me + "/transactions?limit=101", Token: mina}, 422, "validation"},
		"a cursor that nobody gave":        {standin.Request{Method: "GET", Path: me + "/transactions?cursor=x", Token: mina}, 422, "validation"},
		"a field that there isn't":         {body("balance", 7), 422, "validation"},
		"a field that is no number at all": {body("amount", "7"), 422, "validation"},
	} {
		t.Run(name, func(t *testing.T) {
			if status, err := c.Do(t.Context(), test.Request, nil); !is(err, test.status, test.code) {
				t.Errorf("got %d %v, want %d %s", status, err, test.status, test.code)
			}
		})
	}
	var record Customer
	c.get(t, mina, me, &record)
	want := Customer{UserID: "refusal", UserName: "Name of refusal"}
	if diff := cmp.Diff(want, record, cmpopts.IgnoreFields(Customer{}, "CreatedAt")); diff != "" {
		t.Errorf("after all that was refused: %s", diff)
	}
}

func (c customer) testBalance(t *testing.T) {
	mina := c.signUp(t, "balance")
	c.signUp(t, "balance-other")
	var first Transaction
	for _, step := range []struct {
		name   string
		user   string
		event  string
		amount int
		status int
		code   string
		after  int64
	}{
		{"a first amount", "balance", "e1", 100, 201, "", 100},
		{"an amount taken away", "balance", "e2", -30, 201, "", 70},
		{"the first event again", "balance", "e1", 100, 201, "", 70},
		{"the first event with another amount", "balance", "e1", 101, 409, "conflict", 70},
		{"the first event for somebody else", "balance-other", "e1", 100, 409, "conflict", 70},
		{"more than there is", "balance", "e3", -71, 409, "insufficient_balance", 70},
		{"an event that was refused, when there is enough", "balance", "e3", -70, 201, "", 0},
		{"an event again that left less than it took", "balance", "e3", -70, 201, "", 0},
		{"the most that can be", "balance", "e4", 1_000_000_000_000, 201, "", 1_000_000_000_000},
	} {
		t.Run(step.name, func(t *testing.T) {
			var booked Transaction
			status, err := c.Do(t.Context(), c.booking(step.user, step.event, step.amount), &booked)
			if status != step.status || (step.code != "" && !is(err, step.status, step.code)) {
				t.Errorf("got %d %v, want %d %s", status, err, step.status, step.code)
			}
			var record Customer
			c.get(t, mina, me, &record)
			if record.Balance != step.after {
				t.Errorf("balance %d, want %d", record.Balance, step.after)
			}
			switch {
			case step.event != "e1" || step.status != 201:
			case first.EventID == "":
				first = booked
			default:
				if diff := cmp.Diff(first, booked, cmpopts.IgnoreUnexported(Transaction{})); diff != "" {
					t.Errorf("the repetition answers another transaction: %s", diff)
				}
			}
		})
	}
	t.Run("the balance has a limit", func(t *testing.T) {
		if _, err := c.db.Exec(t.Context(), `UPDATE customers SET balance = 1000000000000000 WHERE user_id = 'balance-other'`); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(t.Context(), c.booking("balance-other", "limit", 1), nil); !is(err, 409, "balance_limit") {
			t.Errorf("got %v, want balance_limit", err)
		}
	})
	t.Run("transactions are listed latest first, page by page", func(t *testing.T) {
		var got []string
		for cursor := ""; ; {
			var list struct {
				Items      []Transaction
				NextCursor string
			}
			c.get(t, mina, me+"/transactions?limit=2&cursor="+cursor, &list)
			for _, item := range list.Items {
				got = append(got, fmt.Sprintf("%s %d -> %d %s", item.EventID, item.Amount, item.BalanceAfter, item.Reason))
			}
			if cursor = list.NextCursor; cursor == "" {
				break
			}
		}
		want := []string{"e4 1000000000000 -> 1000000000000 Test", "e3 -70 -> 0 Test", "e2 -30 -> 70 Test", "e1 100 -> 100 Test"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the database refuses a negative balance", func(t *testing.T) {
		if _, err := c.db.Exec(t.Context(), `UPDATE customers SET balance = -1 WHERE user_id = 'balance'`); err == nil {
			t.Error("it took one")
		}
	})
}

func (c customer) testSaga(t *testing.T) {
	first, second := uuid.NewString(), uuid.NewString()
	for _, step := range []struct {
		name, saga, status string
		answer             string
		there              bool
	}{
		{"an undo that comes before its create", second, saga.Undo, saga.Success, false},
		{"the create that was undone before", second, saga.Create, saga.Fail, false},
		{"create", first, saga.Create, saga.Success, true},
		{"the same user id by another saga", uuid.NewString(), saga.Create, saga.Duplicate, true},
		{"undo of another saga", second, saga.Undo, saga.Success, true},
		{"undo", first, saga.Undo, saga.Success, false},
		{"create by a later saga", uuid.NewString(), saga.Create, saga.Success, true},
		{"delete", uuid.NewString(), saga.Delete, saga.Success, false},
		{"delete again", uuid.NewString(), saga.Delete, saga.Success, false},
		{"a create that comes after the deletion", uuid.NewString(), saga.Create, saga.Fail, false},
	} {
		if step.status == saga.Delete && step.name == "delete" {
			c.call(t, c.booking("saga", "before-the-deletion", 5), nil)
		}
		if answer := c.Ask(t, step.saga, step.status, "saga", "Saga"); answer != step.answer {
			t.Errorf("%s: answer %s, want %s", step.name, answer, step.answer)
		}
		_, err := c.Do(t.Context(), standin.Request{Method: http.MethodGet, Path: me, Token: c.Token(t, "saga")}, nil)
		if there := err == nil; there != step.there || (!there && !is(err, 404, "not_found")) {
			t.Errorf("%s: the record: %v, want it there %v", step.name, err, step.there)
		}
	}

	var name string
	var booked int
	err := c.db.QueryRow(t.Context(), `SELECT user_name, (SELECT count(*) FROM transactions t WHERE t.user_id = c.user_id)
		FROM customers c WHERE user_id = 'saga'`).Scan(&name, &booked)
	if err != nil || name != "" || booked != 1 {
		t.Errorf("after the deletion the books have the name %q and %d transactions (%v), want no name and 1", name, booked, err)
	}
	if _, err := c.Do(t.Context(), c.booking("saga", "after", 5), nil); !is(err, 404, "not_found") {
		t.Errorf("booking for a customer who left: %v, want not_found", err)
	}
}

func (c customer) testProfile(t *testing.T) {
	mina := c.signUp(t, "profile")
	rename := func(name string, version int64) {
		c.Publish(t, profile.TopicChanged, map[string]any{"userId": "profile", "name": name, "imageUrl": "", "version": version})
	}
	name := func() string {
		var record Customer
		c.get(t, mina, me, &record)
		return record.UserName
	}
	rename("Third", 3)
	rename("Second", 2)
	rename("Fourth", 4)
	standin.Eventually(t, func() bool { return name() == "Fourth" }, "the new name")
	rename("First", 1)
	standin.Eventually(t, func() bool {
		var handled int
		err := c.db.QueryRow(t.Context(), `SELECT count(*) FROM inbox WHERE topic = $1`, profile.TopicChanged).Scan(&handled)
		return err == nil && handled == 4
	}, "all changes")
	if got := name(); got != "Fourth" {
		t.Errorf("name %q, want that of the highest version", got)
	}
	c.Publish(t, profile.TopicChanged, profile.Changed{UserID: "profile-early", Name: "Early", Version: 1})
	standin.Eventually(t, func() bool {
		_, err := c.Do(t.Context(), standin.Request{Method: http.MethodGet, Path: me, Token: c.Token(t, "profile-early")}, nil)
		return err == nil
	}, "a change that overtook the signup")
	early := c.signUp(t, "profile-early")
	var record Customer
	if c.get(t, early, me, &record); record.UserName != "Early" {
		t.Errorf("name %q, want that of the change that overtook the signup", record.UserName)
	}
}

// testOutage has the database away for longer than the sidecar would go on delivering an event.
func (c customer) testOutage(t *testing.T) {
	id := uuid.NewString()
	c.StopProcess(t.Context(), "postgres")
	c.Publish(t, saga.TopicRequest, saga.Request{EventID: id, UserStatus: saga.Create, UserID: "outage", UserName: "Outage"})
	attempts := func(result string) (n int) {
		for replica := range replicas {
			n += c.Metric(t, fmt.Sprint("customer-", replica), fmt.Sprintf(`moim_events_handled_total{result=%q,topic=%q}`, result, saga.TopicRequest))
		}
		return n
	}
	standin.Eventually(t, func() bool { return attempts("waiting") >= 8 }, "attempts without a database")
	c.StartProcess("postgres")
	standin.Eventually(t, func() bool {
		answers := standin.Received(t, c.Platform, saga.TopicResponse, func(r saga.Response) bool { return r.EventID == id })
		return len(answers) == 1 && answers[0].UserResponseStatus == saga.Success
	}, "the answer after the outage")
	if n := attempts("failed"); n != 0 {
		t.Errorf("%d attempts count as failed, so that the event went to the dead letters or almost did", n)
	}
}

func (c customer) testOpenAPI(t *testing.T) {
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID, Summary, Description string
			Tags                              []string
			Responses                         map[string]json.RawMessage
		}
	}
	c.get(t, "", "/api/customer/openapi.json", &doc)
	count := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			count++
			if op.OperationID == "" || op.Summary == "" || op.Description == "" || len(op.Tags) == 0 || op.Responses["401"] == nil {
				t.Errorf("%s %s is not described: %+v", method, path, op)
			}
		}
	}
	if doc.OpenAPI != "3.1.0" || count != 3 {
		t.Errorf("version %q with %d operations, want 3.1.0 with 3", doc.OpenAPI, count)
	}
}
