package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/sse"
)

const (
	// eventName is the type of the stream's events.
	eventName = "saga"
	// reload is how long a stream waits after the record could not be read.
	reload = 500 * time.Millisecond
	// channel is where replicas tell each other that a record has changed.
	channel = "moim_auth_saga"
)

// watchers wakes the streams of this replica when their records have changed, on whichever replica.
type watchers struct {
	mu  sync.Mutex
	all map[string]map[chan struct{}]struct{}
}

func newWatchers() *watchers { return &watchers{all: map[string]map[chan struct{}]struct{}{}} }

// watch returns a channel that has something in it, for what happened before, and gets something after each change of a saga. The
// caller calls stop.
func (w *watchers) watch(id string) (wake chan struct{}, stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wake = make(chan struct{}, 1)
	wake <- struct{}{}
	if w.all[id] == nil {
		w.all[id] = map[chan struct{}]struct{}{}
	}
	w.all[id][wake] = struct{}{}
	return wake, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all[id], wake)
		if len(w.all[id]) == 0 {
			delete(w.all, id)
		}
	}
}

// wake wakes the streams of a saga.
func (w *watchers) wake(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wake(w.all[id])
}

func (w *watchers) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, streams := range w.all {
		wake(streams)
	}
}

func wake(streams map[chan struct{}]struct{}) {
	for stream := range streams {
		select {
		case stream <- struct{}{}:
		default: // It has yet to look.
		}
	}
}

// listen hears which records have changed, until the context ends. After each connection all streams look: something may have
// happened while there was none.
func (s *service) listen(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.hear(ctx)
		if ctx.Err() != nil {
			break
		}
		slog.WarnContext(ctx, "not hearing of sagas, listening again", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(reload):
		}
	}
	return nil
}

func (s *service) hear(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.db.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return err
	}
	s.watchers.wakeAll()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		s.watchers.wake(n.Payload)
	}
}

type watchInput struct {
	ID   string `path:"id" format:"uuid"`
	Last int    `header:"Last-Event-ID" minimum:"0" doc:"The last version that was seen; the stream goes on after it."`
}

// watchSaga streams a saga from where its client left it, on any replica. That somebody knows its id, which is random, is the right to
// see it: whoever signs up has no token yet.
func (s *service) watchSaga(ctx context.Context, in *watchInput) (*huma.StreamResponse, error) {
	h, err := s.look(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.stream(h, in.Last), nil
}

// look loads a record as those who watch may see it: that a strict signup is decided only when the account has been opened or removed,
// so that whoever is told can log in.
func (s *service) look(ctx context.Context, id string) (*history, error) {
	h, _, err := s.load(ctx, id)
	if err != nil || !h.Strict || h.last().Status == pending {
		return h, err
	}
	var state string
	err = s.db.QueryRow(ctx, `SELECT state FROM sagas WHERE id = $1`, id).Scan(&state)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("look up saga %s: %w", id, err)
	}
	if err == nil && state != stateFinished {
		h.undecide()
	}
	return h, nil
}

// streamOne is a stream of one event.
func streamOne(r Record) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_ = start(ctx).Send(strconv.Itoa(r.Version), eventName, r) // The client may be gone.
	}}
}

func start(ctx huma.Context) *sse.Stream {
	for name, value := range sse.Headers {
		ctx.SetHeader(name, value)
	}
	return sse.New(ctx.BodyWriter())
}

// stream sends each version of a record after the last one seen, until it is decided, the client is gone, or the replica drains; then
// the client goes on elsewhere.
func (s *service) stream(h *history, last int) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		ctx, id := hctx.Context(), h.First.ID
		wake, stop := s.watchers.watch(id)
		defer stop()
		out := start(hctx)
		ping := time.NewTicker(sse.KeepAlive)
		defer ping.Stop()
		for {
			decided := h.last().Status != pending
			if decided {
				last = min(last, h.version()-1) // Every stream ends with the event that says so.
			}
			for last < h.version() {
				last++
				if out.Send(strconv.Itoa(last), eventName, h.at(last)) != nil {
					return
				}
			}
			if decided {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-s.Draining():
				return
			case <-ping.C:
				if out.Ping() != nil {
					return
				}
				s.watchers.wake(id) // Whoever changed the record may have died before saying so.
			case <-wake:
				now, err := s.look(ctx, id)
				switch {
				case err == nil:
					h = now
				case isGone(err):
					return
				default:
					slog.WarnContext(ctx, "record not read, trying again", "saga", id, "err", err)
					time.AfterFunc(reload, func() { s.watchers.wake(id) })
				}
			}
		}
	}}
}
