// Message keeps the log of each room: durable, ordered, without gaps, each message once.
package main

import (
	"context"
	"embed"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/events"
)

//go:embed migrations/*.sql
var migrations embed.FS

func main() { app.Main("message", run) }

type config struct{}

func run(ctx context.Context, a *app.App, _ *config) error {
	db, err := a.Database(ctx, migrations)
	if err != nil {
		return err
	}
	out := a.Outbox(db)
	l := newLog(db, out, a.Call, a.Tokens)
	l.routes(a.API)
	a.Subscribe(events.Subscription{Topic: "chat.member.changed", Handle: events.Once(db, l.memberChanged, out.Wake)})
	a.Subscribe(events.Subscription{Topic: "chat.room.closed", Handle: events.Once(db, l.roomClosed, nil)})
	return nil
}
