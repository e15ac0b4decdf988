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

// changeTries bounds how often a change is made anew because another replica was faster; each try means that one other succeeded.
const changeTries = 20

var errNoSaga = problem.NotFound(problem.CodeNotFound, "there is no such saga, or it was too long ago")

func recordKey(id string) string { return "saga/" + id }

// load reads a record and the etag to save it with.
func (s *service) load(ctx context.Context, id string) (*history, string, error) {
	item, err := s.Dapr.GetState(ctx, app.StateStore, recordKey(id), nil)
	if err != nil {
		return nil, "", fmt.Errorf("load saga %s: %w", id, err)
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

// save writes a record: with an etag only if nobody has changed it since; with none, a new one. ok is false when somebody was faster.
func (s *service) save(ctx context.Context, h *history, etag string) (ok bool, err error) {
	value, err := json.Marshal(h)
	if err != nil {
		return false, fmt.Errorf("encode saga: %w", err)
	}
	ttl := map[string]string{"ttlInSeconds": fmt.Sprint(int(s.cfg.SagaTTL.Seconds()))}
	if etag == "" {
		err = s.Dapr.SaveState(ctx, app.StateStore, recordKey(h.First.ID), value, ttl)
	} else {
		err = s.Dapr.SaveStateWithETag(ctx, app.StateStore, recordKey(h.First.ID), value, etag, ttl, dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite))
	}
	if status.Code(err) == codes.Aborted {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("save saga %s: %w", h.First.ID, err)
	}
	return true, nil
}

// change applies f to a record and, if f says that it changed something, does what follows from it and saves it, over and over until
// no other replica came between.
func (s *service) change(ctx context.Context, id string, f func(h *history) bool) error {
	for range changeTries {
		h, etag, err := s.load(ctx, id)
		if err != nil {
			return err
		}
		if !f(h) {
			return nil
		}
		if err := s.follow(ctx, h); err != nil {
			return err
		}
		ok, err := s.save(ctx, h, etag)
		if err != nil {
			return err
		}
		if ok {
			return s.notify(ctx, id)
		}
	}
	return fmt.Errorf("saga %s: others were faster %d times", id, changeTries)
}

// follow does in the database what a record has come to. It may be done again: the state of the saga there guards each step.
func (s *service) follow(ctx context.Context, h *history) error {
	last := h.last()
	return s.out.InTx(ctx, func(tx pgx.Tx) error {
		if h.First.Kind == kindSignup && h.failing() {
			tag, err := tx.Exec(ctx, `UPDATE sagas SET state = 'undoing' WHERE id = $1 AND state = 'running'`, last.ID)
			if err != nil {
				return fmt.Errorf("undo signup: %w", err)
			}
			if tag.RowsAffected() == 1 {
				if err := s.undo(ctx, tx, last); err != nil {
					return err
				}
			}
		}
		if last.Status == pending {
			return nil
		}
		if h.Strict && last.Status == complete {
			if _, err := tx.Exec(ctx, `UPDATE accounts SET status = 'active' WHERE saga_id = $1 AND status = 'pending'`, last.ID); err != nil {
				return fmt.Errorf("open account: %w", err)
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE sagas SET state = 'finished' WHERE id = $1`, last.ID); err != nil {
			return fmt.Errorf("finish saga: %w", err)
		}
		return nil
	})
}

// undo takes a signup back: the account goes, so that its id is free again, and the participants are asked to do the same.
func (s *service) undo(ctx context.Context, tx pgx.Tx, r Record) error {
	if _, err := tx.Exec(ctx, `DELETE FROM accounts WHERE saga_id = $1 AND status = 'pending'`, r.ID); err != nil {
		return fmt.Errorf("undo account: %w", err)
	}
	s.Log.InfoContext(ctx, "signup is undone", "saga", r.ID, "user", r.UserID)
	return s.ask(ctx, tx, r.ID, saga.Undo, r.UserID, "")
}

// ask publishes a request to the participants, as part of a transaction.
func (s *service) ask(ctx context.Context, tx pgx.Tx, id, what, userID, userName string) error {
	return s.out.Add(ctx, tx, outbox.Event{Topic: saga.TopicRequest, Key: userID, Data: saga.Request{
		EventID: id, Date: time.Now().UTC(), UserStatus: what, UserID: userID, UserName: userName,
	}})
}

// begin makes a record in which every participant is to answer.
func (s *service) begin(kind, userID string) *history {
	h := &history{Strict: kind == kindSignup && s.cfg.SignupMode == "strict", First: Record{
		ID: uuid.NewString(), Kind: kind, UserID: userID, Status: pending, Version: 1,
		Deadline: time.Now().Add(s.cfg.SagaTimeout).UTC().Truncate(time.Millisecond),
		Services: map[string]string{own: success},
	}}
	for _, name := range s.cfg.Participants {
		h.First.Services[name] = pending
	}
	if len(s.cfg.Participants) == 0 {
		h.First.Status = complete
	}
	return h
}

// insertSaga notes a saga in the database, where those that nobody finishes are found.
func insertSaga(ctx context.Context, tx pgx.Tx, h *history, userName string) error {
	state := "running"
	if h.First.Status != pending {
		state = "finished"
	}
	_, err := tx.Exec(ctx, `INSERT INTO sagas (id, kind, strict, user_id, user_name, deadline, state) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		h.First.ID, h.First.Kind, h.Strict, h.First.UserID, userName, h.First.Deadline, state)
	if err != nil {
		return fmt.Errorf("note saga: %w", err)
	}
	return nil
}

// isGone says whether err means that the record is not in the state store.
func isGone(err error) bool { return errors.Is(err, errNoSaga) }
