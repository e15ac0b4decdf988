// Command customer owns customers: a record for each user, with a balance and what was booked on it.
package main

import (
	"context"
	"embed"

	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/saga"
)

//go:embed migrations/*.sql
var migrations embed.FS

type service struct {
	db *pgxpool.Pool
}

func main() { app.Main("customer", run) }

func run(ctx context.Context, a *app.App, _ *struct{}) error {
	db, err := a.Database(ctx, migrations)
	if err != nil {
		return err
	}
	s := &service{db: db}
	s.routes(a.API)
	saga.Participate(a, db, a.Outbox(db), saga.Participant{Create: createCustomer, Undo: undoCustomer, Delete: deleteCustomer})
	profile.Follow(a, db, rename)
	return nil
}
