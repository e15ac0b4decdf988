package main

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gorilla/websocket"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/stomp"
)

// Codes of ERROR frames that no other service has.
const (
	codeBadFrame     = "bad_frame"
	codeSlowConsumer = "slow_consumer"
	codeDraining     = "draining"
)

// What ends a connection from the server's side.
var (
	errSlowConsumer = problem.New(http.StatusServiceUnavailable, codeSlowConsumer,
		"this connection does not read what is sent to it; connect again and subscribe with after: the last seq seen")
	errDraining = problem.New(http.StatusServiceUnavailable, codeDraining,
		"this replica is stopping; connect again and subscribe with after: the last seq seen")
	errTokenExpired   = problem.Unauthenticated(problem.CodeTokenExpired, "the access token has expired and was not renewed")
	errTokenRevoked   = problem.Unauthenticated(problem.CodeTokenRevoked, "the session has ended")
	errConnectTimeout = problem.Unauthenticated(problem.CodeUnauthenticated, "no CONNECT came in time")
	errRateLimited    = problem.RateLimited(1, "too many frames; send fewer of them")
	errUnavailable    = problem.Unavailable("the message could not be stored in time; send it again with the same idempotency-key")
)

func badFrame(format string, args ...any) *problem.Error {
	return problem.BadRequest(codeBadFrame, format, args...)
}

// textFrame is f as a WebSocket text frame.
func textFrame(f *stomp.Frame, v stomp.Version) []byte {
	payload := stomp.Append(make([]byte, 0, 256), f, v)
	return append(appendTextHeader(make([]byte, 0, maxTextHeader+len(payload)), len(payload)), payload...)
}

// errorFrame is the ERROR for p. The receipt is that of the frame which caused it, if it asked for one.
func (c *conn) errorFrame(p *problem.Error, receipt []byte) []byte {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // A problem is made of strings and numbers.
	}
	f := &stomp.Frame{Command: stomp.Error, Body: body, Headers: stomp.H(
		"message", p.Error(), "code", p.Code, "content-type", problem.ContentType)}
	if p.RetryAfter > 0 {
		f.Headers = append(f.Headers, stomp.H("retry-after", strconv.Itoa(p.RetryAfter))...)
	}
	if len(receipt) > 0 {
		f.Headers = append(f.Headers, stomp.Header{Key: []byte("receipt-id"), Value: receipt})
	}
	return textFrame(f, c.version())
}

// fail tells the client what is wrong and closes the connection. What waits to be written is written before, unless it is
// that which doesn't get through, or the client may not see it any more.
func (c *conn) fail(err error, receipt []byte) {
	p := problem.From(err)
	if p.Code == problem.CodeInternal {
		c.srv.log.Error("connection failed", "conn", c.id, "user", c.userID(), "err", err)
	}
	status := uint16(websocket.ClosePolicyViolation)
	switch p.Code {
	case codeDraining, problem.CodeUnavailable:
		status = websocket.CloseGoingAway
	case problem.CodeInternal:
		status = websocket.CloseInternalServerErr
	}
	discard := p.Code == codeSlowConsumer || p.Code == problem.CodeTokenRevoked
	if c.finish(discard, c.errorFrame(p, receipt), closeFrame(status)) {
		metrics.cutOffs.WithLabelValues(p.Code).Inc()
		c.srv.log.Debug("connection ended", "conn", c.id, "user", c.userID(), "code", p.Code, "detail", p.Detail)
	}
}

// sendReceipt answers a frame that asked for it.
func (c *conn) sendReceipt(id []byte) {
	if len(id) > 0 {
		c.enqueue(textFrame(&stomp.Frame{Command: stomp.Receipt, Headers: []stomp.Header{{Key: []byte("receipt-id"), Value: id}}}, c.version()))
	}
}
