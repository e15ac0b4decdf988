package rooms

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"moim.dev/moim/services/internal/invoke"
	"moim.dev/moim/services/internal/problem"
)

// Why a user may not read or write in a room.
var (
	ErrNotAMember = problem.Forbidden("not_a_member", "you are not a member of this room")
	ErrNoRoom     = problem.NotFound(problem.CodeNotFound, "there is no such room")
)

// Member asks chat about a user's membership of a room. Its version grows with each change of the membership. Errors are
// ErrNotAMember, ErrNoRoom, and what kept chat from being asked.
func Member(ctx context.Context, call *http.Client, room, user string) (version int64, err error) {
	var answer struct {
		Member  bool  `json:"member"`
		Version int64 `json:"version"`
	}
	err = invoke.JSON(ctx, call, http.MethodGet,
		"http://chat/internal/rooms/"+url.PathEscape(room)+"/members/"+url.PathEscape(user), nil, &answer)
	var p *problem.Error
	switch {
	case errors.As(err, &p) && p.Status == http.StatusNotFound:
		return 0, ErrNoRoom
	case err != nil:
		return 0, err
	case !answer.Member:
		return 0, ErrNotAMember
	}
	return answer.Version, nil
}
