// Command user owns profiles: what users show of themselves.
package main

import (
	"context"
	"embed"

	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/saga"
)

//go:embed migrations/*.sql
var migrations embed.FS

type service struct {
	db  *pgxpool.Pool
	out *outbox.Outbox
}

func main() { app.Main("user", run) }

func run(ctx context.Context, a *app.App, _ *struct{}) error {
	db, err := a.Database(ctx, migrations)
	if err != nil {
		return err
	}
	s := &service{db: db, out: a.Outbox(db)}
	s.routes(a.API)
	saga.Participate(a, db, s.out, saga.Participant{Create: createProfile, Undo: undoProfile, Delete: deleteProfile})
	return nil
}
