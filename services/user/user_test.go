package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/services/internal/standin"
	"moim.dev/moim/test/stack"
)

const me = "/api/user/me"

type user struct{ *standin.Platform }

func TestUser(t *testing.T) {
	u := user{standin.Start(t, standin.Options{
		Service: stack.Service{App: "user", Replicas: 2},
		Events:  []string{profile.TopicChanged},
	})}
	t.Run("refusals", u.testRefusals)
	t.Run("profile", u.testProfile)
	t.Run("events", u.testEvents)
	t.Run("saga", u.testSaga)
	t.Run("openapi", u.testOpenAPI)
}

// signUp makes a profile by a signup and returns the access token.
func (u user) signUp(t *testing.T, id string) (token string) {
	t.Helper()
	if answer := u.Ask(t, uuid.NewString(), saga.Create, id, "Name of "+id); answer != saga.Success {
		t.Fatalf("signup of %s: %s", id, answer)
	}
	return u.Token(t, id)
}

func (u user) call(t *testing.T, r standin.Request, out any) {
	t.Helper()
	if _, err := u.Do(t.Context(), r, out); err != nil {
		t.Fatalf("%s %s %v: %v", r.Method, r.Path, r.Body, err)
	}
}

func (u user) profile(t *testing.T, token, path string) (p Profile) {
	t.Helper()
	u.call(t, standin.Request{Method: http.MethodGet, Path: path, Token: token}, &p)
	return p
}

func patch(token string, body any) standin.Request {
	return standin.Request{Method: http.MethodPatch, Path: me, Token: token, Body: body}
}

func (u user) testRefusals(t *testing.T) {
	token := u.signUp(t, "refusal")
	field := func(name string, value any) standin.Request { return patch(token, map[string]any{name: value}) }
	for name, test := range map[string]struct {
		standin.Request
		status int
		code   string
	}{
		"my profile without a token":         {standin.Request{Method: "GET", Path: me}, 401, "unauthenticated"},
		"a profile without a token":          {standin.Request{Method: "GET", Path: "/api/user/profiles/refusal"}, 401, "unauthenticated"},
		"a change without a token":           {patch("", map[string]any{"name": "A"}), 401, "unauthenticated"},
		"my profile before it is here":       {standin.Request{Method: "GET", Path: me, Token: u.Token(t, "unknown")}, 404, "not_found"},
		"a change before it is here":         {patch(u.Token(t, "unknown"), map[string]any{"name": "A"}), 404, "not_found"},
		"nobody's profile":                   {standin.Request{Method: "GET", Path: "/api/user/profiles/nobody", Token: token}, 404, "not_found"},
		"the profile of what is no user id":  {standin.Request{Method: "GET", Path: "/api/user/profiles/No%00body", Token: token}, 422, "validation"},
		"an empty name":                      {field("name", ""), 422, "validation"},
		"a name of blanks":                   {field("name", " \t "), 422, "validation"},
		"a name of 41 characters":            {field("name", strings.Repeat("가", 41)), 422, "validation"},
		"a name of two lines":                {field("name", "a\nb"), 422, "validation"},
		"a name that nobody sees":            {field("name", "\u3000\u3164"), 422, "validation"},
		"a status message of blanks":         {field("statusMessage", "\u3000"), 422, "validation"},
		"a status message turned around":     {field("statusMessage", "abc\u202edef"), 422, "validation"},
		"a name that is no text":             {field("name", 7), 422, "validation"},
		"an image without https":             {field("imageUrl", "http://images.example/a.png"), 422, "validation"},
		"an image that is a script":          {field("imageUrl", "javascript:alert(1)"), 422, "validation"},
		"an image without a host":            {field("imageUrl", "https:///a.png"), 422, "validation"},
		"an image with a password":           {field("imageUrl", "https://me:secret@images.example/a.png"), 422, "validation"},
		"an image URL of 501 characters":     {field("imageUrl", "https://images.example/"+strings.Repeat("a", 478)), 422, "validation"},
		"an image URL that can't be read":    {field("imageUrl", "https://images.example/%zz"), 422, "validation"},
		"an image URL with a NUL":            {field("imageUrl", "https://images.example/\x00"), 422, "validation"},
		"a locale that is none":              {field("locale", "in Korean"), 422, "validation"},
		"a locale of no language":            {field("locale", "und"), 422, "validation"},
		"a status message of 201 characters": {field("statusMessage", strings.Repeat("a", 201)), 422, "validation"},
		"a status message with a NUL":        {field("statusMessage", "a\x00b"), 422, "validation"},
		"a field that there isn't":           {field("userId", "other"), 422, "validation"},
		"a body that is no JSON":             {patch(token, "{"), 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			status, err := u.Do(t.Context(), test.Request, nil)
			var p *problem.Error
			if !errors.As(err, &p) || p.Status != test.status || p.Code != test.code {
				t.Errorf("got %d %v, want %d %s", status, err, test.status, test.code)
			}
		})
	}
	want := Profile{UserID: "refusal", Name: "Name of refusal"}
	if diff := cmp.Diff(want, u.profile(t, token, me), cmpopts.IgnoreFields(Profile{}, "UpdatedAt")); diff != "" {
		t.Errorf("after all that was refused: %s", diff)
	}
}

func (u user) testProfile(t *testing.T) {
	token := u.signUp(t, "profile")
	other := u.signUp(t, "profile-other")
	want := Profile{UserID: "profile", Name: "Name of profile"}
	for _, step := range []struct {
		name string
		body map[string]any
		then func(p *Profile)
	}{
		{"nothing given changes nothing", map[string]any{}, func(*Profile) {}},
		{"null leaves a field as it is", map[string]any{"name": nil}, func(*Profile) {}},
		{"a name, without the blanks around it", map[string]any{"name": " 미나 "}, func(p *Profile) { p.Name = "미나" }},
		{"an image", map[string]any{"imageUrl": "https://images.example/a.png?size=1"}, func(p *Profile) { p.ImageURL = "https://images.example/a.png?size=1" }},
		{"a locale, in its usual form", map[string]any{"locale": "KO-kr"}, func(p *Profile) { p.Locale = "ko-KR" }},
		{"a status message", map[string]any{"statusMessage": "Reading 📚"}, func(p *Profile) { p.StatusMessage = "Reading 📚" }},
		{"several at once, emptied", map[string]any{"imageUrl": "", "locale": "", "statusMessage": ""}, func(p *Profile) {
			p.ImageURL, p.Locale, p.StatusMessage = "", "", ""
		}},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.then(&want)
			var answered Profile
			u.call(t, patch(token, step.body), &answered)
			for _, got := range []Profile{answered, u.profile(t, token, me), u.profile(t, other, "/api/user/profiles/profile")} {
				if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Profile{}, "UpdatedAt")); diff != "" {
					t.Error(diff)
				}
				if !got.UpdatedAt.Equal(answered.UpdatedAt) || time.Since(got.UpdatedAt).Abs() > time.Minute || got.UpdatedAt.Location() != time.UTC {
					t.Errorf("updated at %s", got.UpdatedAt)
				}
			}
		})
	}
}

func (u user) testEvents(t *testing.T) {
	token := u.signUp(t, "events")
	for _, body := range []map[string]any{
		{"name": "Second"},
		{"statusMessage": "not told"},
		{"name": "Second"}, // No change.
		{"imageUrl": "https://images.example/a.png"},
		{"name": "Third", "imageUrl": ""},
	} {
		u.call(t, patch(token, body), nil)
	}
	got := standin.Await(t, u.Platform, profile.TopicChanged, 3, func(e profile.Changed) bool { return e.UserID == "events" })
	want := []profile.Changed{
		{UserID: "events", Name: "Second", ImageURL: "", Version: 2},
		{UserID: "events", Name: "Second", ImageURL: "https://images.example/a.png", Version: 5},
		{UserID: "events", Name: "Third", ImageURL: "", Version: 6},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func (u user) testSaga(t *testing.T) {
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
		if answer := u.Ask(t, step.saga, step.status, "saga", "Saga"); answer != step.answer {
			t.Errorf("%s: answer %s, want %s", step.name, answer, step.answer)
		}
		_, err := u.Do(t.Context(), standin.Request{Method: http.MethodGet, Path: me, Token: u.Token(t, "saga")}, nil)
		if there := err == nil; there != step.there || (!there && !errors.Is(err, errNoProfile)) {
			t.Errorf("%s: the profile: %v, want it there %v", step.name, err, step.there)
		}
	}
}

func (u user) testOpenAPI(t *testing.T) {
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID, Summary string
			Tags                 []string
			Responses            map[string]json.RawMessage
		}
	}
	u.call(t, standin.Request{Method: http.MethodGet, Path: "/api/user/openapi.json"}, &doc)
	count := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			count++
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) == 0 || op.Responses["401"] == nil {
				t.Errorf("%s %s is not described: %+v", method, path, op)
			}
		}
	}
	if doc.OpenAPI != "3.1.0" || count != 3 {
		t.Errorf("version %q with %d operations, want 3.1.0 with 3", doc.OpenAPI, count)
	}
}
