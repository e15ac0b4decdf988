// Auth keeps accounts, passwords, sessions and the keys that sign tokens, and leads the saga of signing up and of leaving.
package main

import (
	"context"
	"embed"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/saga"
)

//go:embed migrations/*.sql
var migrations embed.FS

func main() { app.Main("auth", run) }

func run(ctx context.Context, a *app.App, cfg *config) error {
	db, err := a.Database(ctx, migrations)
	if err != nil {
		return err
	}
	secret, err := a.Secret(ctx)
	if err != nil {
		return err
	}
	keys, err := newKeys(ctx, db, secret["keySecret"], cfg.KeyRotation)
	if err != nil {
		return err
	}
	s := &service{
		App: a, cfg: cfg, live: newLive(a.Settings, cfg), db: db, out: a.Outbox(db), keys: keys, passwords: newPasswords(), watchers: newWatchers(),
	}
	if err := s.createAdmin(ctx, secret["adminPassword"]); err != nil {
		return err
	}
	a.Go("rotate keys", keys.run)
	a.Go("tell revocations", s.tellRevocations)
	a.Go("clean up", s.cleanUp)
	a.Go("sweep sagas", s.sweepSagas)
	a.Go("listen for sagas", s.listen)
	a.Subscribe(events.Subscription{Topic: saga.TopicResponse, Handle: s.answered})
	profile.Follow(a, db, rename)
	s.routes(a.API)
	return nil
}
