package main

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"moim.dev/moim/services/internal/app"
)

// maxAppend bounds the body of an append, in bytes: what a sidecar passes on. Realtime sends a quarter of it.
const maxAppend = 4 << 20

func (l *log) routes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-messages", Method: http.MethodGet, Path: "/api/message/rooms/{id}/messages",
		Summary: "Read a room's messages", Tags: []string{"messages"}, Security: app.Bearer,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}, l.history)
	huma.Register(api, huma.Operation{
		OperationID: "append-messages", Method: http.MethodPost, Path: "/internal/append",
		Summary: "Append messages to their rooms' logs", Tags: []string{"internal"}, Security: app.Internal("realtime"),
		// The handler checks each message on its own, so that one that breaks a rule keeps none of the others.
		MaxBodyBytes: maxAppend, SkipValidateBody: true,
	}, l.append)
	huma.Register(api, huma.Operation{
		OperationID: "list-heads", Method: http.MethodPost, Path: "/internal/heads",
		Summary: "Read the last sequence numbers of rooms", Tags: []string{"internal"}, Security: app.Internal("realtime"),
	}, l.heads)
	huma.Register(api, huma.Operation{
		OperationID: "read-log", Method: http.MethodGet, Path: "/internal/rooms/{id}/messages",
		Summary: "Read a room's log", Tags: []string{"internal"}, Security: app.Internal("realtime"),
	}, l.page)
}
