// Package problem is the one way Moim says that a request failed: problem details (RFC 9457) with a stable code, and the one
// mapping of errors to them.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Codes that every service uses. A service's own codes stand beside the errors they belong to.
const (
	CodeValidation      = "validation"
	CodeBadRequest      = "bad_request"
	CodeUnauthenticated = "unauthenticated"
	CodeTokenExpired    = "token_expired"
	CodeTokenRevoked    = "token_revoked"
	CodeForbidden       = "forbidden"
	CodeNotFound        = "not_found"
	CodeConflict        = "conflict"
	CodeTooLarge        = "too_large"
	CodeRateLimited     = "rate_limited"
	CodeInternal        = "internal"
	CodeUnavailable     = "unavailable"
)

// statusClientGone is nginx' status for a request whose client did not wait for the answer, which nobody reads.
const statusClientGone = 499

// ContentType is the media type of a problem.
const ContentType = "application/problem+json"

// Error is a problem: an error that may be shown to whoever made the request.
type Error struct {
	Type      string       `json:"type" doc:"Always about:blank; the code tells problems apart." example:"about:blank"`
	Title     string       `json:"title" doc:"The text of the status." example:"Conflict"`
	Status    int          `json:"status" doc:"The HTTP status." example:"409"`
	Code      string       `json:"code" doc:"What a program looks at; stable." example:"room_full"`
	Detail    string       `json:"detail,omitempty" doc:"What happened, for a person."`
	Errors    []FieldError `json:"errors,omitempty" doc:"Each field that breaks a rule."`
	RequestID string       `json:"requestId,omitempty" doc:"Finds the request in logs and traces."`

	// RetryAfter is the number of seconds after which it makes sense to try again; 0 says nothing.
	RetryAfter int `json:"-"`
}

// FieldError names a field and the rule it broke.
type FieldError struct {
	Field   string `json:"field" doc:"Where: body.title, query.limit, path.id, header.…"`
	Message string `json:"message" doc:"The rule."`
	Value   any    `json:"value,omitempty" doc:"What was given; absent for secrets."`
}

// New makes a problem. The detail is a format as of fmt.Sprintf.
func New(status int, code, format string, args ...any) *Error {
	return &Error{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code,
		Detail: fmt.Sprintf(format, args...),
	}
}

// BadRequest is status 400.
func BadRequest(code, format string, args ...any) *Error {
	return New(http.StatusBadRequest, code, format, args...)
}

// Unauthenticated is status 401.
func Unauthenticated(code, format string, args ...any) *Error {
	return New(http.StatusUnauthorized, code, format, args...)
}

// Forbidden is status 403.
func Forbidden(code, format string, args ...any) *Error {
	return New(http.StatusForbidden, code, format, args...)
}

// NotFound is status 404.
func NotFound(code, format string, args ...any) *Error {
	return New(http.StatusNotFound, code, format, args...)
}

// Conflict is status 409.
func Conflict(code, format string, args ...any) *Error {
	return New(http.StatusConflict, code, format, args...)
}

// RateLimited is status 429, to be tried again after so many seconds.
func RateLimited(retryAfter int, format string, args ...any) *Error {
	e := New(http.StatusTooManyRequests, CodeRateLimited, format, args...)
	e.RetryAfter = max(retryAfter, 1)
	return e
}

// Unavailable is status 503: something needed is down; the same request may succeed a second later.
func Unavailable(format string, args ...any) *Error {
	e := New(http.StatusServiceUnavailable, CodeUnavailable, format, args...)
	e.RetryAfter = 1
	return e
}

// Field is status 422 for one field, written as in the body or query ("body.title").
func Field(field, format string, args ...any) *Error {
	e := New(http.StatusUnprocessableEntity, CodeValidation, "validation failed")
	e.Errors = []FieldError{{Field: field, Message: fmt.Sprintf(format, args...)}}
	return e
}

// Error implements error.
func (e *Error) Error() string {
	if len(e.Errors) > 0 {
		return fmt.Sprintf("%s: %s %s", e.Code, e.Errors[0].Field, e.Errors[0].Message)
	}
	return e.Code + ": " + e.Detail
}

// GetStatus implements huma.StatusError.
func (e *Error) GetStatus() int { return e.Status }

// ContentType implements huma.ContentTypeFilter.
func (e *Error) ContentType(string) string { return ContentType }

// GetHeaders implements huma.HeadersError.
func (e *Error) GetHeaders() http.Header {
	if e.RetryAfter == 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.Itoa(e.RetryAfter)}}
}

// Is makes errors.Is compare problems by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// From maps any error to a problem. What is not meant for the caller becomes "internal" or, when a store or a neighbour could not
// be reached, "unavailable", and the error itself stays in the log.
func From(err error) *Error {
	var p *Error
	if errors.As(err, &p) {
		return p
	}
	var netErr *net.OpError
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, context.Canceled), status.Code(err) == codes.Canceled:
		return New(statusClientGone, "client_gone", "the request was given up")
	case errors.As(err, &connect), errors.As(err, &netErr),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, context.DeadlineExceeded), pgconn.Timeout(err), pgconn.SafeToRetry(err):
		return Unavailable("something this request needs cannot be reached at the moment")
	case errors.As(err, &pg) && disconnected(pg.Code):
		return Unavailable("the database has closed the connection")
	case status.Code(err) == codes.Unavailable, status.Code(err) == codes.DeadlineExceeded:
		return Unavailable("the sidecar cannot be reached at the moment")
	}
	return New(http.StatusInternalServerError, CodeInternal, "something went wrong here; the log has it under the request id")
}

// IsUnavailable says whether err is that something could not be reached, so that the same may succeed later.
func IsUnavailable(err error) bool { return err != nil && From(err).Code == CodeUnavailable }

// disconnected says whether a SQLSTATE is one that PostgreSQL answers while it stops or starts (class 57P, 08), or when a session was
// idle for too long in a transaction (25P03).
func disconnected(state string) bool {
	return len(state) == 5 && (state[:3] == "57P" || state[:2] == "08" || state == "25P03")
}

// Write answers a request with a problem.
func Write(w http.ResponseWriter, err error, requestID string) {
	p := *From(err)
	p.RequestID = requestID
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(&p) // The client may be gone.
}
