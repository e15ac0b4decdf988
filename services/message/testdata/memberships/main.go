// Command memberships stands in for chat in tests of the message service: it answers who is a member of which room as the test has said.
package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/problem"
)

type membership struct {
	Member  bool  `json:"member"`
	Version int64 `json:"version"`
}

func main() { app.Main("chat", run) }

func run(_ context.Context, a *app.App, _ *struct{}) error {
	var mu sync.Mutex
	rooms := map[string]map[string]membership{}
	const path = "/internal/rooms/:room/members/:user"
	a.Router.GET(path, func(c *gin.Context) {
		mu.Lock()
		defer mu.Unlock()
		members, known := rooms[c.Param("room")]
		if !known {
			problem.Write(c.Writer, problem.NotFound(problem.CodeNotFound, "no such room"), "")
			return
		}
		c.JSON(http.StatusOK, members[c.Param("user")])
	})
	a.Router.PUT(path, func(c *gin.Context) {
		var m membership
		if c.BindJSON(&m) != nil { // It has answered.
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if rooms[c.Param("room")] == nil {
			rooms[c.Param("room")] = map[string]membership{}
		}
		rooms[c.Param("room")][c.Param("user")] = m
		c.Status(http.StatusNoContent)
	})
	return nil
}
