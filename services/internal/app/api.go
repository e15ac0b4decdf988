package app

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
)

const (
	schemeBearer  = "bearer"
	schemeSidecar = "sidecar"
)

var (
	// Bearer is the Security of an operation for anybody who is logged in; token.From says who.
	Bearer = []map[string][]string{{schemeBearer: {}}}
	// Admin is the Security of an operation for users with the role admin.
	Admin = []map[string][]string{{schemeBearer: {token.RoleAdmin}}}
)

// Internal is the Security of an operation for other services, those named.
func Internal(callers ...string) []map[string][]string {
	return []map[string][]string{{schemeSidecar: callers}}
}

func apiConfig(a *App) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Moim " + a.Name, Version: "1"},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					schemeBearer:  {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
					schemeSidecar: {Type: "apiKey", In: "header", Name: "dapr-api-token", Description: "Only between services."},
				},
			},
			OnAddOperation: []huma.AddOpFunc{canBeUnavailable},
		},
		OpenAPIPath:   "/api/" + a.Name + "/openapi",
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{withRequestID},
	}
}

// canBeUnavailable describes what any operation may answer while a store or a neighbour is away.
func canBeUnavailable(_ *huma.OpenAPI, op *huma.Operation) {
	if internal := op.Responses["500"]; internal != nil {
		unavailable := *internal
		unavailable.Description = http.StatusText(http.StatusServiceUnavailable)
		op.Responses["503"] = &unavailable
	}
}

// withRequestID puts the request's id into problems.
func withRequestID(ctx huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*problem.Error); ok && p.RequestID == "" {
		with := *p
		with.RequestID = RequestID(ctx.Context())
		return &with, nil
	}
	return v, nil
}

// authorise lets a request through to an operation whose Security it satisfies.
func (a *App) authorise(ctx huma.Context, next func(huma.Context)) {
	for _, scheme := range ctx.Operation().Security {
		if roles, ok := scheme[schemeBearer]; ok {
			user, err := a.Tokens.Verify(ctx.Context(), token.Bearer(ctx.Header("Authorization")))
			if err == nil && slices.Contains(roles, token.RoleAdmin) && !user.Admin() {
				err = problem.Forbidden(problem.CodeForbidden, "only an administrator may do this")
			}
			if err != nil {
				a.refuse(ctx, err)
				return
			}
			next(huma.WithContext(ctx, token.With(ctx.Context(), user)))
			return
		}
		if callers, ok := scheme[schemeSidecar]; ok && !slices.Contains(callers, a.names.app(ctx.Header("dapr-caller-app-id"))) {
			a.refuse(ctx, problem.Forbidden(problem.CodeForbidden, "this operation is for other services"))
			return
		}
	}
	next(ctx)
}

func (a *App) refuse(ctx huma.Context, err error) {
	p := *problem.From(err)
	p.RequestID = RequestID(ctx.Context())
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	if p.Status == http.StatusUnauthorized {
		ctx.SetHeader("WWW-Authenticate", "Bearer")
	}
	ctx.SetHeader("Content-Type", problem.ContentType)
	ctx.SetStatus(p.Status)
	_ = huma.DefaultJSONFormat.Marshal(ctx.BodyWriter(), &p) // The client may be gone.
}

// Huma keeps how it makes errors in variables of its package.
func init() {
	huma.NewError = newError
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		if status == http.StatusInternalServerError && len(errs) > 0 {
			p := problem.From(errs[0])
			if p.Status >= http.StatusInternalServerError {
				slog.ErrorContext(ctx.Context(), "request failed", "operation", ctx.Operation().OperationID, "err", errs[0])
			}
			return p
		}
		return newError(status, msg, errs...)
	}
}

var codes = map[int]string{
	http.StatusBadRequest:            problem.CodeBadRequest,
	http.StatusUnauthorized:          problem.CodeUnauthenticated,
	http.StatusForbidden:             problem.CodeForbidden,
	http.StatusNotFound:              problem.CodeNotFound,
	http.StatusConflict:              problem.CodeConflict,
	http.StatusRequestEntityTooLarge: problem.CodeTooLarge,
	http.StatusUnsupportedMediaType:  "unsupported_media_type",
	http.StatusNotAcceptable:         "not_acceptable",
	http.StatusRequestTimeout:        "request_timeout",
	http.StatusUnprocessableEntity:   problem.CodeValidation,
	http.StatusInternalServerError:   problem.CodeInternal,
	http.StatusServiceUnavailable:    problem.CodeUnavailable,
}

// newError makes a problem of what huma found wrong with a request.
func newError(status int, msg string, errs ...error) huma.StatusError {
	code, ok := codes[status]
	if !ok {
		code = strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
	}
	p := problem.New(status, code, "%s", msg)
	for _, err := range errs {
		if detailer, ok := err.(huma.ErrorDetailer); ok { //nolint:errorlint // Huma passes details as they are.
			d := detailer.ErrorDetail()
			p.Errors = append(p.Errors, problem.FieldError{Field: d.Location, Message: d.Message, Value: shown(d)})
		} else if err != nil {
			p.Errors = append(p.Errors, problem.FieldError{Message: err.Error()})
		}
	}
	return p
}

// shown is the value that a problem repeats: never a secret, and no whole body, in which one may be.
func shown(d *huma.ErrorDetail) any {
	if strings.Contains(strings.ToLower(d.Location), "password") {
		return nil
	}
	switch d.Value.(type) {
	case string, bool, float64, int, int64:
		return d.Value
	}
	return nil
}

func logPanic(ctx context.Context, v any, stack []byte) {
	slog.ErrorContext(ctx, "panic", "panic", v, "stack", string(stack))
}
