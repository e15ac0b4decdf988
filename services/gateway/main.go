// Gateway is the HTTP edge: it serves the web client, passes /api/<service>/… to the services by Dapr invocation, and /ws to realtime.
package main

import (
	"context"

	"moim.dev/moim/services/internal/app"
)

func main() { app.Main("gateway", run) }

func run(_ context.Context, a *app.App, cfg *config) error {
	a.ServePublic()
	if err := a.Router.SetTrustedProxies(cfg.TrustedProxies); err != nil {
		return err
	}
	a.Router.Use(securityHeaders)

	limits := newLimits(a.Settings, cfg)
	a.Go("forget idle limits", limits.sweep)

	services := newServices(a, cfg)
	a.Router.Any("/api/:service/*path", limits.byAddress, identify(a.Tokens), limits.byUser, services.pass)
	a.Router.GET("/ws", limits.byAddress, newSockets(cfg).pass)

	if dir := cfg.webDir(); dir != "" {
		client, err := loadWeb(dir)
		if err != nil {
			return err
		}
		a.Router.NoRoute(client.serve)
	}
	return nil
}
