package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/every"
	"moim.dev/moim/services/internal/page"
	"moim.dev/moim/services/internal/saga"
)

// sweepEvery is how often sagas are looked for whose time is over.
const sweepEvery = time.Second

// answered notes what a participant has answered. Noting it twice changes nothing, so an event that comes again is harmless.
func (s *service) answered(ctx context.Context, e events.Event) error {
	var r saga.Response
	if err := e.Decode(&r); err != nil {
		return err
	}
	err := s.change(ctx, func(h *history) bool { return h.answer(r) }, `WHERE id = $1 FOR UPDATE`, r.EventID)
	if isGone(err) {
		slog.WarnContext(ctx, "answer to a saga that is not known any more", "saga", r.EventID, "service", r.ServiceName)
		return nil
	}
	return err
}

// sweepSagas ends what participants did not answer in time, also where the replica died that began it, until the context ends.
func (s *service) sweepSagas(ctx context.Context) error {
	return every.Run(ctx, sweepEvery, "late sagas wait", s.sweep)
}

// sweep ends one late saga after the other. What another replica is at is left to it, and what is being undone has the same time again
// to come to an end.
func (s *service) sweep(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.change(ctx, (*history).expire, `WHERE (state = 'running' AND deadline < now())
			OR (state = 'undoing' AND deadline + $1::interval < now()) ORDER BY deadline LIMIT 1 FOR UPDATE SKIP LOCKED`, s.live.sagaTimeout.Get())
		if isGone(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// AdminSaga is a saga as an administrator sees it.
type AdminSaga struct {
	ID        uuid.UUID `json:"id"`
	Kind      string    `json:"kind"`
	UserID    string    `json:"userId"`
	State     string    `json:"state" enum:"running,undoing,finished"`
	CreatedAt time.Time `json:"createdAt"`
	Record    *Record   `json:"record,omitempty" doc:"Absent when it has expired."`
}

type sagasOutput struct{ Body page.List[AdminSaga] }

func (s *service) listSagas(ctx context.Context, in *newestFirst) (*sagasOutput, error) {
	last, err := in.after()
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Query(ctx, `SELECT id, kind, user_id, state, created_at FROM sagas
		WHERE (created_at, id::text) < ($1, $2) ORDER BY created_at DESC, id::text DESC LIMIT $3`, last.At, last.ID, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list sagas: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a AdminSaga, err error) {
		err = row.Scan(&a.ID, &a.Kind, &a.UserID, &a.State, &a.CreatedAt)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sagas: %w", err)
	}
	list := page.Of(all, in.Limit, func(a AdminSaga) any { return newest{a.CreatedAt, a.ID.String()} })
	return &sagasOutput{list}, s.addRecords(ctx, list.Items)
}

// addRecords fills in the records that the state store still has.
func (s *service) addRecords(ctx context.Context, sagas []AdminSaga) error {
	for i := range sagas {
		h, _, err := s.load(ctx, sagas[i].ID.String())
		if isGone(err) {
			continue
		}
		if err != nil {
			return err
		}
		last := h.last()
		sagas[i].Record = &last
	}
	return nil
}
