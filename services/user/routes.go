package main

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"moim.dev/moim/services/internal/app"
)

// routes is all that user serves.
func (s *service) routes(api huma.API) {
	tags := []string{"profiles"}
	huma.Register(api, huma.Operation{
		OperationID: "get-my-profile", Method: http.MethodGet, Path: "/api/user/me", Tags: tags, Security: app.Bearer,
		Summary: "Get my profile",
		Errors:  []int{401, 404, 503},
	}, s.mine)
	huma.Register(api, huma.Operation{
		OperationID: "get-profile", Method: http.MethodGet, Path: "/api/user/profiles/{userId}", Tags: tags, Security: app.Bearer,
		Summary: "Get somebody's profile", Description: "Profiles can be seen by everybody who is logged in.",
		Errors: []int{401, 404, 422, 503},
	}, s.get)
	huma.Register(api, huma.Operation{
		OperationID: "change-my-profile", Method: http.MethodPatch, Path: "/api/user/me", Tags: tags, Security: app.Bearer,
		Summary:     "Change my profile",
		Description: "Only the fields that are given change. A new name or image is passed on to wherever it is shown.",
		Errors:      []int{401, 404, 422, 503},
	}, s.change)
}
