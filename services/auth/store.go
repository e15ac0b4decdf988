package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/saga"
)

// storeTimeout bounds a call of the state store, for which a row of the database may be locked.
const storeTimeout = 5 * time.Second

// States of a saga in the database. Its row is also the saga's lock: who changes a record holds it.
const (
	stateRunning  = "running"
	stateUndoing  = "undoing" // A strict signup that has failed.
	stateFinished = "finished"
)

var (
	errNoSaga    = problem.NotFound(problem.CodeNotFound, "there is no such saga, or it was too long ago")
	errStoreAway = problem.Unavailable("the state store cannot be reached at the moment")
)

func recordKey(id string) string { return "saga/" + id }

// load reads a record and the etag to save it with. The error is errNoSaga when there is none.
func (s *service) load(ctx context.Context, id string) (*history, string, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	item, err := s.Dapr.GetState(ctx, app.StateStore, recordKey(id), nil)
	if err != nil {
		return nil, "", fmt.Errorf("load saga %s: %w (%w)", id, errStoreAway, err)
	}
	if len(item.Value) == 0 {
		return nil, "", errNoSaga
	}
	h := new(history)
	if err := json.Unmarshal(item.Value, h); err != nil {
		return nil, "", fmt.Errorf("load saga %s: %w", id, err)
	}
	return h, item.Etag, nil
}

// save writes a record: with an etag only if nobody has changed it since; with none, a new one.
func (s *service) save(ctx context.Context, h *history, etag string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	value, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode saga: %w", err)
	}
	ttl := map[string]string{"ttlInSeconds": fmt.Sprint(int(s.cfg.SagaTTL.Seconds()))}
	key := recordKey(h.First.ID)
	if etag == "" {
		err = s.Dapr.SaveState(ctx, app.StateStore, key, value, ttl)
	} else {
		err = s.Dapr.SaveStateWithETag(ctx, app.StateStore, key, value, etag, ttl, dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite))
	}
	if status.Code(err) == codes.Aborted { // Somebody has changed it without the saga's lock.
		return fmt.Errorf("save saga %s: %w", h.First.ID, err)
	}
	if err != nil {
		return fmt.Errorf("save saga %s: %w (%w)", h.First.ID, errStoreAway, err)
	}
	return nil
}

// begin makes the record of a saga that is about to start.
func (s *service) begin(kind, userID, userName string) *history {
	first := Record{
		ID: uuid.NewString(), Kind: kind, UserID: userID, UserName: userName,
		Deadline: time.Now().Add(s.live.sagaTimeout.Get()).UTC().Truncate(time.Millisecond),
	}
	return newHistory(first, kind == kindSignup && s.live.signupMode.Get() == modeStrict, s.cfg.Participants)
}

// insertSaga notes a saga in the database, where those that nobody finishes are found.
func insertSaga(ctx context.Context, tx pgx.Tx, h *history, key string) error {
	state := stateRunning
	if h.First.Status != pending {
		state = stateFinished
	}
	f := h.First
	_, err := tx.Exec(ctx, `INSERT INTO sagas (id, kind, strict, user_id, user_name, deadline, state, key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		f.ID, f.Kind, h.Strict, f.UserID, f.UserName, f.Deadline, state, key)
	if err != nil {
		return fmt.Errorf("note saga: %w", err)
	}
	return nil
}

// lockSaga selects what change needs to know of a saga, and locks it.
const lockSaga = `SELECT id::text, kind, strict, user_id, user_name, deadline, state FROM sagas `

// change locks the saga that the condition finds, applies f to its record and, if f says that it changed something, saves it and does
// what follows from it. Whoever has a stream of it open hears of it when that is done. The error is errNoSaga when there is no such saga.
//
// The record is the truth, and what is in the database follows from it: after a crash in between, the answer that came again or the
// sweep finds the record changed and the database not, and makes up for it.
func (s *service) change(ctx context.Context, f func(h *history) bool, where string, args ...any) error {
	return s.out.InTx(ctx, func(tx pgx.Tx) error {
		var first Record
		var strict bool
		var state string
		err := tx.QueryRow(ctx, lockSaga+where, args...).
			Scan(&first.ID, &first.Kind, &strict, &first.UserID, &first.UserName, &first.Deadline, &state)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNoSaga
		}
		if err != nil {
			return fmt.Errorf("lock saga: %w", err)
		}
		h, etag, err := s.load(ctx, first.ID)
		if isGone(err) && state != stateFinished {
			// The state store has lost it: what it can't say any more counts as not answered.
			h, err = newHistory(first, strict, s.cfg.Participants), nil
			if state == stateUndoing {
				h.fail()
			}
		}
		if err != nil {
			return err
		}
		if f(h) {
			if err := s.save(ctx, h, etag); err != nil {
				return err
			}
		}
		return s.follow(ctx, tx, h, state)
	})
}

// follow does in the database what a record has come to.
func (s *service) follow(ctx context.Context, tx pgx.Tx, h *history, state string) error {
	last, was := h.last(), state
	if h.Failing && state == stateRunning {
		if _, err := tx.Exec(ctx, `DELETE FROM accounts WHERE saga_id = $1 AND status = 'pending'`, last.ID); err != nil {
			return fmt.Errorf("undo account: %w", err)
		}
		if err := s.ask(ctx, tx, last, saga.Undo); err != nil {
			return err
		}
		state = stateUndoing
	}
	if last.Status != pending && state != stateFinished {
		if h.Strict && last.Status == complete {
			if _, err := tx.Exec(ctx, `UPDATE accounts SET status = 'active' WHERE saga_id = $1 AND status = 'pending'`, last.ID); err != nil {
				return fmt.Errorf("open account: %w", err)
			}
		}
		state = stateFinished
	}
	if state != was {
		if _, err := tx.Exec(ctx, `UPDATE sagas SET state = $2 WHERE id = $1`, last.ID, state); err != nil {
			return fmt.Errorf("note state of saga: %w", err)
		}
		s.Log.InfoContext(ctx, "saga", "saga", last.ID, "state", state, "kind", last.Kind, "user", last.UserID, "status", last.Status, "services", last.Services)
	}
	if _, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, last.ID); err != nil {
		return fmt.Errorf("tell others of saga %s: %w", last.ID, err)
	}
	return nil
}

// ask publishes a request to the participants, as part of a transaction.
func (s *service) ask(ctx context.Context, tx pgx.Tx, r Record, what string) error {
	return s.out.Add(ctx, tx, outbox.Event{Topic: saga.TopicRequest, Key: r.UserID, Data: saga.Request{
		EventID: r.ID, Date: time.Now().UTC(), UserStatus: what, UserID: r.UserID, UserName: r.UserName,
	}})
}

// isGone says whether err means that the record is not in the state store, or the saga not in the database.
func isGone(err error) bool { return errors.Is(err, errNoSaga) }
