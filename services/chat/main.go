// Command chat owns rooms, their capacity, and who is a member of which.
package main

import (
	"context"
	"embed"

	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/saga"
)

//go:embed migrations/*.sql
var migrations embed.FS

type service struct {
	db    *pgxpool.Pool
	out   *outbox.Outbox
	queue *queue
}

func main() { app.Main("chat", run) }

func run(ctx context.Context, a *app.App, _ *struct{}) error {
	db, err := a.Database(ctx, migrations)
	if err != nil {
		return err
	}
	s := &service{db: db, out: a.Outbox(db), queue: newQueue(a.Dapr)}
	s.routes(a.API)
	saga.Participate(a, db, s.out, saga.Participant{Create: s.createUser, Undo: s.undoUser, Delete: s.deleteUser})
	profile.Follow(a, db, rename)
	a.Go("forget idempotency keys", s.forgetKeys)
	return nil
}
