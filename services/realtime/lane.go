package main

import (
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"moim.dev/moim/services/internal/invoke"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
)

const (
	// batchItems and batchBytes bound what one call appends, with the senders' tokens and as it is encoded: a sidecar passes on 4 MiB.
	batchItems = 500
	batchBytes = 1 << 20
	// laneBytes bounds what waits in a lane; beyond it the log can't keep up, and senders are told.
	laneBytes = 16 << 20
	// itemOverhead is what a message takes beside its content and key, at most.
	itemOverhead = 256
)

// appendItem is a message as message/internal/append takes it.
type appendItem struct {
	RoomID   string `json:"roomId"`
	SenderID string `json:"senderId"`
	Token    int    `json:"token"` // the place of the sender's access token among those of the batch
	Content  string `json:"content"`
	Key      string `json:"key"`
}

// outgoing is a message that is to be stored, and who is to be told.
type outgoing struct {
	conn     *conn
	receipt  string
	deadline time.Time
	size     int // encoded, at most
	appendItem
}

// appendResult is what became of one message.
type appendResult struct {
	Seq int64 `json:"seq"`
	// Message is what was stored, unless it was before.
	Message *message `json:"message"`
	Code    string   `json:"code"`
	Detail  string   `json:"detail"`
}

// lane stores the messages of its rooms. It has one call under way at most; what comes meanwhile makes the next batch, so
// that the busier it is, the more messages share a commit, and each room's messages keep their order.
type lane struct {
	srv *server

	mu      sync.Mutex
	queue   []*outgoing
	bytes   int // of the queue and the batch under way
	running bool
}

// lane is the lane of a room.
func (s *server) lane(room string) *lane {
	return s.lanes[maphash.String(s.hub.seed, room)%uint64(len(s.lanes))]
}

// add queues a message.
func (l *lane) add(o *outgoing) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.size = rooms.JSONBytes(o.Content) + rooms.JSONBytes(o.Key) + itemOverhead
	if l.bytes+o.size > laneBytes {
		return problem.Unavailable("more is sent than can be stored; send it again with the same idempotency-key")
	}
	o.conn.sending()
	l.queue = append(l.queue, o)
	l.bytes += o.size
	if !l.running {
		l.running = true
		go l.run(l.srv.ctx)
	}
	return nil
}

// run stores what is queued until nothing is.
func (l *lane) run(ctx context.Context) {
	for {
		batch := l.next()
		if len(batch) == 0 {
			return
		}
		l.store(ctx, batch)
		size := 0
		for _, o := range batch {
			size += o.size
		}
		l.mu.Lock()
		l.bytes -= size
		l.mu.Unlock()
	}
}

func (l *lane) next() []*outgoing {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, 0
	tokens := map[string]bool{}
	for n < len(l.queue) && n < batchItems {
		o := l.queue[n]
		token := o.conn.session.Load().token
		size += o.size
		if !tokens[token] {
			tokens[token] = true
			size += len(token)
		}
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	batch := l.queue[:n:n]
	l.queue = l.queue[n:]
	if len(l.queue) == 0 {
		l.queue = nil
	}
	l.running = n > 0
	return batch
}

// store appends a batch, trying again with the same keys while it fails and somebody still waits, and answers each sender.
func (l *lane) store(ctx context.Context, batch []*outgoing) {
	for backoff := firstBackoff; len(batch) > 0; backoff = min(2*backoff, lastBackoff) {
		began := time.Now()
		results, err := l.append(ctx, batch)
		if err == nil {
			metrics.batchSize.Observe(float64(len(batch)))
			metrics.appendSeconds.Observe(time.Since(began).Seconds())
			l.srv.deliver(results)
			for i, o := range batch {
				o.answer(results[i])
			}
			return
		}
		metrics.appendFailures.Inc()
		l.srv.log.Warn("messages not stored, trying again", "messages", len(batch), "err", err)
		if !transient(err) {
			refuse(batch, problem.From(err))
			return
		}
		select {
		case <-ctx.Done():
			refuse(batch, errUnavailable)
			return
		case <-time.After(backoff):
		}
		batch = refuseLate(batch)
	}
}

// deliver sends what was stored to the subscribers here. Those elsewhere have it from the event, which comes here too and
// changes nothing then.
func (s *server) deliver(results []appendResult) {
	var messages []*message
	for i := range results {
		if m := results[i].Message; m != nil {
			messages = append(messages, m)
		}
	}
	s.hub.append(messages)
}

// append makes the call.
func (l *lane) append(ctx context.Context, batch []*outgoing) ([]appendResult, error) {
	in := struct {
		Messages []*appendItem `json:"messages"`
		Tokens   []string      `json:"tokens"`
	}{Messages: make([]*appendItem, len(batch))}
	places := map[string]int{}
	for i, o := range batch {
		token := o.conn.session.Load().token
		place, listed := places[token]
		if !listed {
			place = len(in.Tokens)
			places[token], in.Tokens = place, append(in.Tokens, token)
		}
		o.Token = place
		in.Messages[i] = &o.appendItem
	}
	var out struct {
		Results []appendResult `json:"results"`
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := invoke.JSON(ctx, l.srv.call, http.MethodPost, "http://message/internal/append", in, &out); err != nil {
		return nil, err
	}
	if len(out.Results) != len(batch) {
		return nil, errors.New("the answer has another number of results")
	}
	return out.Results, nil
}

// answer tells the sender what became of the message.
func (o *outgoing) answer(r appendResult) {
	if r.Code != "" {
		o.refuse(problem.New(statusOf(r.Code), r.Code, "%s", r.Detail))
		return
	}
	metrics.received.Inc()
	o.conn.sendReceipt([]byte(o.receipt))
	o.conn.stored()
}

func (o *outgoing) refuse(p *problem.Error) {
	o.conn.fail(p, []byte(o.receipt))
	o.conn.stored()
}

func refuse(batch []*outgoing, p *problem.Error) {
	for _, o := range batch {
		o.refuse(p)
	}
}

// refuseLate refuses the messages whose time is over and returns the others.
func refuseLate(batch []*outgoing) []*outgoing {
	kept := batch[:0:0]
	for _, o := range batch {
		if time.Now().After(o.deadline) {
			o.refuse(errUnavailable)
			continue
		}
		kept = append(kept, o)
	}
	return kept
}

// statusOf is the status that problems with a code have.
func statusOf(code string) int {
	switch code {
	case problem.CodeValidation:
		return http.StatusUnprocessableEntity
	case problem.CodeNotFound:
		return http.StatusNotFound
	case problem.CodeUnauthenticated, problem.CodeTokenExpired, problem.CodeTokenRevoked:
		return http.StatusUnauthorized
	case problem.CodeUnavailable:
		return http.StatusServiceUnavailable
	case problem.CodeInternal:
		return http.StatusInternalServerError
	case problem.CodeRateLimited:
		return http.StatusTooManyRequests
	case problem.CodeConflict:
		return http.StatusConflict
	}
	return http.StatusForbidden
}
