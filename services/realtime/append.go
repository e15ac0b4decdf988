package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"moim.dev/moim/services/internal/invoke"
	"moim.dev/moim/services/internal/problem"
)

// appendItem is a message as message/internal/append takes it.
type appendItem struct {
	RoomID   string `json:"roomId"`
	SenderID string `json:"senderId"`
	Token    int    `json:"token"` // the place of the sender's access token among those of the batch
	Content  string `json:"content"`
	Key      string `json:"key"`
}

// appendResult is what became of one message.
type appendResult struct {
	Seq int64 `json:"seq"`
	// Message is what was stored, unless it was before.
	Message *message `json:"message"`
	Code    string   `json:"code"`
	Detail  string   `json:"detail"`
}

// store appends a batch and answers its senders, but for those whose messages are to be tried again: all when there is an error,
// otherwise those which can't be decided about.
func (l *lane) store(ctx context.Context, b batch) (again []*outgoing, err error) {
	began := time.Now()
	results, err := l.append(ctx, b)
	if err != nil {
		metrics.appendFailures.Inc()
		l.srv.log.Warn("messages not stored", "messages", len(b.messages), "err", err)
		if transient(err) {
			return b.messages, err
		}
		for _, o := range b.messages {
			o.refuse(problem.From(err))
		}
		return nil, err
	}
	metrics.batchSize.Observe(float64(len(b.messages)))
	metrics.appendSeconds.Observe(time.Since(began).Seconds())
	l.srv.deliver(results)
	for i, o := range b.messages {
		if results[i].Code == problem.CodeUnavailable {
			again = append(again, o)
			continue
		}
		o.answer(results[i])
	}
	return again, nil
}

// append makes the call.
func (l *lane) append(ctx context.Context, b batch) ([]appendResult, error) {
	in := struct {
		Messages []*appendItem `json:"messages"`
		Tokens   []string      `json:"tokens"`
	}{make([]*appendItem, len(b.messages)), b.tokens}
	for i, o := range b.messages {
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
	if len(out.Results) != len(b.messages) {
		return nil, errors.New("the answer has another number of results")
	}
	return out.Results, nil
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

// refuse tells the sender that the message is not stored. No later one of the connection is then.
func (o *outgoing) refuse(p *problem.Error) {
	o.conn.refused.Store(true)
	o.conn.fail(p, []byte(o.receipt))
	o.conn.stored()
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
