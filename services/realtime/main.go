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
	a.Subscribe(events.Subscription{
		PubSub: app.PubSubFanout, Topic: "message.log.appended",
		Handle: s.messagesAppended, Connected: s.hub.compareNow,
	})
	a.Subscribe(events.Subscription{PubSub: app.PubSubFanout, Topic: "chat.member.left", Handle: s.memberLeft})
	a.Subscribe(events.Subscription{PubSub: app.PubSubFanout, Topic: "auth.session.revoked", Handle: s.sessionsRevoked})
	a.Go("realtime", s.run)
	a.OnDrain(s.drain)
	return nil
}
