package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"moim.dev/moim/services/internal/problem"
)

func newTestApp() *App {
	a := &App{Name: "test", Log: slog.New(slog.DiscardHandler), config: Config{AppToken: "from-sidecar"}}
	a.Router, a.API = newRouter(a)
	type body struct {
		Body struct {
			Title    string `json:"title" minLength:"1"`
			Password string `json:"password" minLength:"10"`
		}
	}
	huma.Register(a.API, huma.Operation{OperationID: "create", Method: http.MethodPost, Path: "/api/test/things"},
		func(context.Context, *body) (*struct{}, error) { return nil, nil })
	huma.Register(a.API, huma.Operation{OperationID: "fail", Method: http.MethodGet, Path: "/api/test/fail"},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, errors.New("a secret of ours") })
	huma.Register(a.API, huma.Operation{OperationID: "panic", Method: http.MethodGet, Path: "/api/test/panic"},
		func(context.Context, *struct{}) (*struct{}, error) { panic("boom") })
	huma.Register(a.API, huma.Operation{OperationID: "inside", Method: http.MethodGet, Path: "/internal/x", Security: Internal("chat")},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	return a
}

func TestRefusals(t *testing.T) {
	a := newTestApp()
	sidecar := http.Header{"Dapr-Api-Token": {"from-sidecar"}, "X-Request-Id": {"request-0001"}}
	caller := func(id string) http.Header {
		h := sidecar.Clone()
		h.Set("dapr-caller-app-id", id)
		return h
	}
	for name, test := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		code               string
	}{
		"a call that did not come through the sidecar": {"GET", "/internal/x", "", http.Header{}, 403, problem.CodeForbidden},
		"a service that is on the list":                {"GET", "/internal/x", "", caller("chat"), 204, ""},
		"a service that is not on the list":            {"GET", "/internal/x", "", caller("gateway"), 403, problem.CodeForbidden},
		"no such path":                                 {"GET", "/api/test/nothing", "", sidecar, 404, problem.CodeNotFound},
		"no such method":                               {"DELETE", "/api/test/things", "", sidecar, 405, "method_not_allowed"},
		"a body that is no JSON":                       {"POST", "/api/test/things", "{", sidecar, 400, problem.CodeBadRequest},
		"an error that is not for the caller":          {"GET", "/api/test/fail", "", sidecar, 500, problem.CodeInternal},
		"a panic":                                      {"GET", "/api/test/panic", "", sidecar, 500, problem.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader(test.body))
			r.Header = test.header.Clone()
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			a.Router.ServeHTTP(w, r)
			var p problem.Error
			if w.Body.Len() > 0 {
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
					t.Fatalf("%v: %s", err, w.Body)
				}
			}
			if w.Code != test.status || p.Code != test.code {
				t.Errorf("status %d code %q, want %d %q: %s", w.Code, p.Code, test.status, test.code, w.Body)
			}
			if strings.Contains(w.Body.String(), "secret of ours") {
				t.Error("the answer tells what went wrong inside")
			}
			if test.header.Get("X-Request-Id") != "" && p.Code != "" && p.RequestID != "request-0001" {
				t.Errorf("the problem has request id %q", p.RequestID)
			}
		})
	}
}

func TestValidationNamesFieldsAndHidesPasswords(t *testing.T) {
	a := newTestApp()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/test/things", strings.NewReader(`{"title":"","password":"hunter2","x":1}`))
	r.Header.Set("dapr-api-token", "from-sidecar")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	a.Router.ServeHTTP(w, r)
	var p problem.Error
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	for _, e := range p.Errors {
		fields[e.Field] = true
	}
	want := map[string]bool{"body.title": true, "body.password": true, "body.x": true}
	if diff := cmp.Diff(want, fields); diff != "" || w.Code != http.StatusUnprocessableEntity || p.Code != problem.CodeValidation {
		t.Errorf("status %d code %s fields %s", w.Code, p.Code, diff)
	}
	if strings.Contains(w.Body.String(), "hunter2") {
		t.Error("the answer repeats the password")
	}
	if ct := w.Header().Get("Content-Type"); ct != problem.ContentType {
		t.Errorf("content type %s", ct)
	}
}

func TestDumpMasksSecrets(t *testing.T) {
	got := dump(&struct {
		Name  string `env:"MOIM_NAME"`
		Token string `env:"MOIM_TOKEN,required" secret:"true"`
		Empty string `env:"MOIM_EMPTY" secret:"true"`
	}{"a", "hunter2", ""})
	if want := "MOIM_NAME=a MOIM_TOKEN=*** MOIM_EMPTY="; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct{ variable, value, want string }{
		"missing token":  {"APP_API_TOKEN", "", "APP_API_TOKEN"},
		"unknown format": {"MOIM_LOG_FORMAT", "xml", "MOIM_LOG_FORMAT"},
		"too few":        {"MOIM_DATABASE_CONNS", "1", "MOIM_DATABASE_CONNS"},
		"no time":        {"MOIM_SETTINGS_REREAD", "0s", "MOIM_SETTINGS_REREAD"},
		"negative time":  {"MOIM_DRAIN_DELAY", "-1s", "MOIM_DRAIN_DELAY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("APP_API_TOKEN", "x")
			t.Setenv(test.variable, test.value)
			if err := load(new(Config)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v does not name %s", err, test.want)
			}
		})
	}
}
