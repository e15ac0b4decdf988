// Command follower is a service that shows its settings.
package main

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/settings"
)

func main() { app.Main("follower", run) }

func run(_ context.Context, a *app.App, _ *struct{}) error {
	mode := settings.Add(a.Settings, "signup.mode", "lenient", settings.OneOf("lenient", "strict"))
	timeout := settings.Add(a.Settings, "signup.timeout", 10*time.Second, settings.Between(time.Second, 10*time.Minute))
	limit := settings.Add(a.Settings, "limits.requestsPerUser", 0.5, settings.Limit[float64])
	a.ServePublic()
	a.Router.GET("/settings", func(c *gin.Context) {
		c.String(http.StatusOK, "%s %s %g", mode.Get(), timeout.Get(), limit.Get())
	})
	return nil
}
