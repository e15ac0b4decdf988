// Command realtime is the WebSocket edge: it speaks STOMP with browsers and programs, sends each room's messages to its
// subscribers in the order of the log, and has the log store what they send. It is the only service that holds
// connections.
package main

import (
	"context"

	"github.com/gin-gonic/gin"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/settings"
)

func main() { app.Main("realtime", run) }

func run(_ context.Context, a *app.App, cfg *config) error {
	s := newServer(a.Replica, *cfg, a.Log, a.Call, a.Tokens.Verify)
	s.frameRate = settings.Add(a.Settings, "limits.framesPerConnection", cfg.FrameRate, settings.Limit[float64])
	a.ServePublic()
	a.Router.GET("/ws", gin.WrapF(s.serveWebSocket))
	subscriptions := []events.Subscription{
		{Topic: "message.log.appended", Handle: s.messagesAppended, Connected: s.hub.compareNow},
		{Topic: "chat.member.left", Handle: s.memberLeft, Connected: s.verifyNow},
		{Topic: "auth.session.revoked", Handle: s.sessionsRevoked, Connected: s.verifyNow},
	}
	again := make([]chan struct{}, len(subscriptions))
	for i, subscription := range subscriptions {
		again[i] = make(chan struct{}, 1)
		subscription.PubSub, subscription.Again = app.PubSubFanout, again[i]
		a.Subscribe(subscription)
	}
	s.hub.silent = func() {
		a.Log.Warn("events have ceased to come, taking the subscriptions up again")
		for _, c := range again {
			select {
			case c <- struct{}{}:
			default: // Asked for already.
			}
		}
	}
	a.Go("realtime", s.run)
	a.OnDrain(s.drain)
	return nil
}
