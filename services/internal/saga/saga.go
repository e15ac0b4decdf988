// Package saga is what auth and the participants of the signup saga say to each other, and the participant's side of it.
//
// Auth publishes a Request on user.newUser.req; each participant changes its own copy of the user and answers with a Response on
// user.newUser.res, in one transaction.
package saga

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/outbox"
)

// Topics of the saga.
const (
	TopicRequest  = "user.newUser.req"
	TopicResponse = "user.newUser.res"
)

// What a Request asks for.
const (
	// Create makes a copy of a new user.
	Create = "USER_CREATE"
	// Undo takes back what Create of the same saga did.
	Undo = "USER_UNDO"
	// Delete forgets a user.
	Delete = "USER_DELETE"
)

// What a Response answers.
const (
	Success   = "SUCCESS"
	Duplicate = "DUPLICATE"
	Fail      = "FAIL"
)

// Request is the data of user.newUser.req.
type Request struct {
	// EventID is the id of the saga, the same in every event of it.
	EventID    string    `json:"eventId"`
	Date       time.Time `json:"date"`
	UserStatus string    `json:"userStatus"`
	UserID     string    `json:"userId"`
	UserName   string    `json:"userName"`
}

// Response is the data of user.newUser.res.
type Response struct {
	EventID            string    `json:"eventId"`
	Date               time.Time `json:"date"`
	UserID             string    `json:"userId"`
	UserStatus         string    `json:"userStatus"`
	UserResponseStatus string    `json:"userResponseStatus"`
	ServiceName        string    `json:"serviceName"`
}

// Participant is what a service does with its own copy of a user, in the transaction it is given.
type Participant struct {
	// Create stores the copy, marked with r.EventID, and says whether it did; false means that the user id is there already.
	Create func(ctx context.Context, tx pgx.Tx, r Request) (created bool, err error)
	// Undo removes the copy that Create stored for the same r.EventID, if there is one.
	Undo func(ctx context.Context, tx pgx.Tx, r Request) error
	// Delete removes the copy of the user, if there is one, and what must not stay without it.
	Delete func(ctx context.Context, tx pgx.Tx, r Request) error
}

// Participate answers requests for as long as the service runs.
func Participate(a *app.App, db *pgxpool.Pool, out *outbox.Outbox, p Participant) {
	a.Subscribe(events.Subscription{Topic: TopicRequest, Handle: events.Once(db, func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		var r Request
		if err := e.Decode(&r); err != nil {
			return err
		}
		result, err := p.handle(ctx, tx, r)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", r.UserStatus, r.UserID, err)
		}
		a.Log.InfoContext(ctx, "saga", "saga", r.EventID, "user", r.UserID, "asked", r.UserStatus, "answer", result)
		return out.Add(ctx, tx, outbox.Event{Topic: TopicResponse, Key: r.EventID, Data: Response{
			EventID: r.EventID, Date: time.Now().UTC(), UserID: r.UserID,
			UserStatus: r.UserStatus, UserResponseStatus: result, ServiceName: a.Name,
		}})
	}, out.Wake)})
}

// Inbox topics under which is remembered what ended a user, so that a Create that comes after it does nothing: which saga was undone,
// and which user was deleted.
const (
	undone  = "saga undone"
	deleted = "saga deleted"
)

func (p Participant) handle(ctx context.Context, tx pgx.Tx, r Request) (result string, err error) {
	gone, err := Turn(ctx, tx, r.UserID)
	if err != nil {
		return "", err
	}
	switch r.UserStatus {
	case Create:
		late, err := remembers(ctx, tx, r.EventID, undone)
		if err != nil {
			return "", err
		}
		if late || gone {
			return Fail, nil
		}
		created, err := p.Create(ctx, tx, r)
		if err != nil {
			return "", err
		}
		if !created {
			return Duplicate, nil
		}
		return Success, nil
	case Undo:
		if err := remember(ctx, tx, r.EventID, undone); err != nil {
			return "", err
		}
		return Success, p.Undo(ctx, tx, r)
	case Delete:
		if err := remember(ctx, tx, r.UserID, deleted); err != nil {
			return "", err
		}
		return Success, p.Delete(ctx, tx, r)
	default:
		return "", fmt.Errorf("unknown userStatus %q", r.UserStatus)
	}
}

// Turn keeps all other transactions that take a turn with the user waiting until this one ends, as replicas may handle events about one
// user at the same time, and says whether the user has been deleted.
func Turn(ctx context.Context, tx pgx.Tx, userID string) (gone bool, err error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.saga'), hashtext($1))`, userID); err != nil {
		return false, fmt.Errorf("take turns: %w", err)
	}
	return remembers(ctx, tx, userID, deleted)
}

func remembers(ctx context.Context, tx pgx.Tx, id, topic string) (there bool, err error) {
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM inbox WHERE event_id = $1 AND topic = $2)`, id, topic).Scan(&there)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", topic, err)
	}
	return there, nil
}

func remember(ctx context.Context, tx pgx.Tx, id, topic string) error {
	_, err := tx.Exec(ctx, `INSERT INTO inbox (event_id, topic) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, topic)
	if err != nil {
		return fmt.Errorf("remember %s: %w", topic, err)
	}
	return nil
}
