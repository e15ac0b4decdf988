// Package profile is what user says of a changed profile, and how the services that keep a copy of a name follow.
package profile

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/saga"
)

// TopicChanged tells of each change that others see.
const TopicChanged = "user.profile.changed"

// Changed is the data of TopicChanged.
type Changed struct {
	UserID   string `json:"userId"`
	Name     string `json:"name"`
	ImageURL string `json:"imageUrl"`
	// Version grows with each change of a profile.
	Version int64 `json:"version"`
}

// Follow has rename called with each change of a user who has not been deleted. Changes may come in another order than they were made,
// and before the signup that makes the copy: rename keeps the name of the highest version, also for a copy that is still to come.
func Follow(a *app.App, db *pgxpool.Pool, rename func(ctx context.Context, tx pgx.Tx, c Changed) error) {
	a.Subscribe(events.Subscription{Topic: TopicChanged, Handle: events.Once(db, func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		var c Changed
		if err := e.Decode(&c); err != nil {
			return err
		}
		deleted, err := saga.Turn(ctx, tx, c.UserID)
		if err != nil || deleted {
			return err
		}
		if err := rename(ctx, tx, c); err != nil {
			return fmt.Errorf("rename user %s: %w", c.UserID, err)
		}
		return nil
	}, nil)})
}
