package main

import (
	"net"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"moim.dev/moim/services/internal/app"
)

func (s *service) routes(api huma.API) {
	const base = "/api/auth"
	open := func(id, method, path, summary string, tag string, errors ...int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: base + path, Summary: summary, Tags: []string{tag}, Errors: errors}
	}
	own := func(op huma.Operation) huma.Operation {
		op.Security, op.Errors = app.Bearer, append(op.Errors, http.StatusUnauthorized)
		return op
	}
	admin := func(op huma.Operation) huma.Operation {
		op.Security, op.Errors = app.Admin, append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
		return op
	}
	streamed := func(op huma.Operation) huma.Operation {
		op.Responses = map[string]*huma.Response{"200": {
			Description: "A stream of the saga's record: event saga, id the version, data the record.",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: huma.SchemaFromType(api.OpenAPI().Components.Schemas, typeOfRecord)}},
		}}
		return op
	}
	answers := func(op huma.Operation, status int) huma.Operation {
		op.DefaultStatus = status
		return op
	}
	huma.Register(api, streamed(open("sign-up", "POST", "/users", "Sign up, watching each service's answer", "accounts", 422, 429)), s.signUp)
	huma.Register(api, streamed(open("watch-saga", "GET", "/sagas/{id}/events", "Watch a saga again", "accounts", 404)), s.watchSaga)
	huma.Register(api, answers(open("log-in", "POST", "/sessions", "Log in", "sessions", 401, 422, 429), http.StatusCreated), s.logIn)
	huma.Register(api, open("refresh", "POST", "/sessions/refresh", "Renew the access token by the refresh cookie", "sessions", 401, 429), s.refresh)
	huma.Register(api, own(open("list-sessions", "GET", "/sessions", "List my sessions", "sessions")), s.listSessions)
	huma.Register(api, own(open("log-out", "DELETE", "/sessions/current", "Log out", "sessions")), s.logOut)
	huma.Register(api, own(open("end-session", "DELETE", "/sessions/{id}", "End one of my sessions", "sessions", 404)), s.endSession)
	huma.Register(api, own(open("log-out-everywhere", "DELETE", "/sessions", "End all my sessions", "sessions")), s.logOutEverywhere)
	huma.Register(api, own(open("who-am-i", "GET", "/me", "Who am I", "accounts")), s.me)
	huma.Register(api, own(open("change-password", "PUT", "/me/password", "Change my password", "accounts", 409, 422, 429)), s.changePassword)
	huma.Register(api, streamed(own(open("delete-account", "DELETE", "/me", "Delete my account, watching each service's answer", "accounts", 409, 422, 429))), s.deleteAccount)
	huma.Register(api, open("list-keys", "GET", "/.well-known/jwks.json", "The public keys of access tokens", "keys"), s.listKeys)
	huma.Register(api, admin(open("list-users", "GET", "/admin/users", "List all users", "administration")), s.listUsers)
	huma.Register(api, admin(open("list-sagas", "GET", "/admin/sagas", "List sagas", "administration")), s.listSagas)
}

// Client says who makes a request, as the gateway has seen it.
// Huma reads embedded structs only when their names are exported.
type Client struct {
	ForwardedFor string `header:"X-Forwarded-For" hidden:"true"`
	UserAgent    string `header:"User-Agent" hidden:"true"`
}

// address is the client's: the gateway writes it first, and drops what the client claims; sidecars add theirs behind it.
func (c Client) address() string {
	first, _, _ := strings.Cut(c.ForwardedFor, ",")
	if ip := net.ParseIP(strings.TrimSpace(first)); ip != nil {
		return ip.String()
	}
	return "unknown"
}

// agent is the user agent, cut to what is worth keeping.
func (c Client) agent() string {
	return strings.ToValidUTF8(c.UserAgent[:min(len(c.UserAgent), 200)], "")
}
