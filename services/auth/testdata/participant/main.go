// Participant stands for a service that takes part in the signup saga. It does as the user id says: for "chat-duplicate-7" the replica
// that runs as chat answers DUPLICATE, and any other SUCCESS.
package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/saga"
)

//go:embed migrations/*.sql
var migrations embed.FS

func main() {
	name, _, _ := strings.Cut(os.Getenv("POD_NAME"), "-")
	app.Main(name, run)
}

func run(ctx context.Context, a *app.App, _ *struct{}) error {
	db, err := a.Database(ctx, migrations)
	if err != nil {
		return err
	}
	out := a.Outbox(db)
	a.Subscribe(events.Subscription{Topic: saga.TopicRequest, Handle: events.Once(db, func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		var r saga.Request
		if err := e.Decode(&r); err != nil {
			return err
		}
		result, err := handle(ctx, tx, a.Name, r)
		if err != nil || result == "" {
			return err
		}
		return out.Add(ctx, tx, outbox.Event{Topic: saga.TopicResponse, Key: r.EventID, Data: saga.Response{
			EventID: r.EventID, Date: time.Now().UTC(), UserID: r.UserID,
			UserStatus: r.UserStatus, UserResponseStatus: result, ServiceName: a.Name,
		}})
	}, out.Wake)})
	return nil
}

// handle returns the answer, which is empty for one that never comes.
func handle(ctx context.Context, tx pgx.Tx, name string, r saga.Request) (string, error) {
	if r.UserStatus != saga.Create {
		if _, err := tx.Exec(ctx, `DELETE FROM copies WHERE user_id = $1`, r.UserID); err != nil {
			return "", fmt.Errorf("remove copy: %w", err)
		}
		return saga.Success, nil
	}
	switch {
	case strings.HasPrefix(r.UserID, name+"-duplicate"):
		return saga.Duplicate, nil
	case strings.HasPrefix(r.UserID, name+"-fail"):
		return saga.Fail, nil
	case strings.HasPrefix(r.UserID, name+"-silent"):
		return "", nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO copies (user_id) VALUES ($1)`, r.UserID); err != nil {
		return "", fmt.Errorf("store copy: %w", err)
	}
	return saga.Success, nil
}
