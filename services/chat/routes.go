package main

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"moim.dev/moim/services/internal/app"
)

const (
	tagRooms    = "rooms"
	tagMembers  = "members"
	tagInternal = "internal"
)

// routes is all that chat serves.
func (s *service) routes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "create-room", Method: http.MethodPost, Path: "/api/chat/rooms", Tags: []string{tagRooms}, Security: app.Bearer,
		Summary: "Create a room",
		Description: "Whoever creates a room is its host and first member. With an Idempotency-Key, a repetition answers the room that the " +
			"first request made; the same key with another body is a conflict, and with a room that has been closed since it is not found.",
		DefaultStatus: http.StatusCreated,
		Errors:        []int{401, 404, 409, 422, 503},
	}, s.create)
	huma.Register(api, huma.Operation{
		OperationID: "list-rooms", Method: http.MethodGet, Path: "/api/chat/rooms", Tags: []string{tagRooms}, Security: app.Bearer,
		Summary: "List rooms", Description: "All rooms, or those whose title contains a text; newest first.",
		Errors: []int{401, 422, 503},
	}, s.list)
	huma.Register(api, huma.Operation{
		OperationID: "list-my-rooms", Method: http.MethodGet, Path: "/api/chat/rooms/mine", Tags: []string{tagRooms}, Security: app.Bearer,
		Summary: "List my rooms", Description: "The rooms I am a member of, latest joined first.",
		Errors: []int{401, 422, 503},
	}, s.mine)
	huma.Register(api, huma.Operation{
		OperationID: "get-room", Method: http.MethodGet, Path: "/api/chat/rooms/{id}", Tags: []string{tagRooms}, Security: app.Bearer,
		Summary: "Get a room", Description: "Any room, also one I am no member of.",
		Errors: []int{401, 404, 422, 503},
	}, s.get)
	huma.Register(api, huma.Operation{
		OperationID: "join-room", Method: http.MethodPut, Path: "/api/chat/rooms/{id}/members/me", Tags: []string{tagMembers}, Security: app.Bearer,
		Summary: "Join a room",
		Description: "The room is told once that I entered. A member who joins again changes nothing and gets entered: false. " +
			"A room without a free seat refuses with code room_full.",
		Errors: []int{401, 404, 409, 422, 503},
	}, s.join)
	huma.Register(api, huma.Operation{
		OperationID: "leave-room", Method: http.MethodDelete, Path: "/api/chat/rooms/{id}/members/me", Tags: []string{tagMembers}, Security: app.Bearer,
		Summary: "Leave a room",
		Description: "Ends my membership, and does nothing when there is none. When the host leaves, the longest-standing member follows; " +
			"when the last member leaves, the room is closed.",
		DefaultStatus: http.StatusNoContent,
		Errors:        []int{401, 422, 503},
	}, s.leave)
	huma.Register(api, huma.Operation{
		OperationID: "list-members", Method: http.MethodGet, Path: "/api/chat/rooms/{id}/members", Tags: []string{tagMembers}, Security: app.Bearer,
		Summary: "List the members of a room", Description: "For members of the room only; earliest joined first, which is the host.",
		Errors: []int{401, 403, 404, 422, 503},
	}, s.members)
	huma.Register(api, huma.Operation{
		OperationID: "get-membership", Method: http.MethodGet, Path: "/internal/rooms/{id}/members/{userId}", Tags: []string{tagInternal},
		Security: app.Internal("realtime", "message"),
		Summary:  "Ask whether a user is a member of a room", Description: "The version grows with each change of the membership; 0: there never was one.",
		Errors: []int{403, 404, 422, 503},
	}, s.membership)
}
