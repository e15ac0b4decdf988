package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/problem"
)

// services passes requests to the services through the sidecar, which finds, encrypts and authorises.
type services struct {
	names   []string
	maxBody int64
	proxy   *httputil.ReverseProxy
}

func newServices(a *app.App, cfg *config) *services {
	return &services{
		names:   cfg.Services,
		maxBody: cfg.MaxBody,
		proxy: &httputil.ReverseProxy{
			Transport:      a.Call.Transport,
			Rewrite:        rewrite,
			ModifyResponse: unavailable,
			ErrorHandler:   refuse,
			FlushInterval:  -1, // Events of a stream go out as they come.
			ErrorLog:       slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
		},
	}
}

func (s *services) pass(c *gin.Context) {
	if !slices.Contains(s.names, c.Param("service")) || !plain(c.Request.URL) {
		fail(c, problem.NotFound(problem.CodeNotFound, "there is nothing at %s", c.Request.URL.Path))
		return
	}
	if c.Request.ContentLength > s.maxBody {
		fail(c, tooLarge(s.maxBody))
		return
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, s.maxBody)
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), clientKey{}, c.ClientIP()))
	s.proxy.ServeHTTP(c.Writer, c.Request)
}

// plain says whether nobody on the way can read the path as another one: no dot segments, empty segments or second layer of escapes,
// by which a request for /api/… would end up elsewhere.
func plain(u *url.URL) bool {
	p := u.Path
	return !strings.ContainsAny(p, "%\\\x00") && path.Clean(p) == strings.TrimSuffix(p, "/")
}

type clientKey struct{}

// rewrite makes the request that goes to the service, http://<app-id>/<the same path>. What a client claims in the names of proxies
// and of Dapr is dropped.
func rewrite(r *httputil.ProxyRequest) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.In.URL.Path, "/api/"), "/")
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", name, name
	for header := range r.Out.Header {
		if lower := strings.ToLower(header); strings.HasPrefix(lower, "dapr-") || strings.HasPrefix(lower, "x-forwarded-") {
			r.Out.Header.Del(header)
		}
	}
	client, _ := r.In.Context().Value(clientKey{}).(string)
	r.Out.Header.Set("X-Forwarded-For", client)
	r.Out.Header.Set("X-Forwarded-Host", r.In.Host)
}

// unavailable turns what the sidecar says when it cannot reach a service into a problem. A service's own failures are problems.
func unavailable(resp *http.Response) error {
	if resp.StatusCode < http.StatusInternalServerError || strings.HasPrefix(resp.Header.Get("Content-Type"), problem.ContentType) {
		return nil
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	_ = resp.Body.Close()
	return errors.New("sidecar answered " + strconv.Itoa(resp.StatusCode) + ": " + string(said))
}

func refuse(w http.ResponseWriter, r *http.Request, err error) {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		err = tooLarge(large.Limit)
	case r.Context().Err() != nil:
		return // The client has gone; nobody reads an answer.
	default:
		slog.WarnContext(r.Context(), "request not passed on", "path", r.URL.Path, "err", err)
		err = problem.Unavailable("this part of the platform cannot be reached at the moment")
	}
	problem.Write(w, err, app.RequestID(r.Context()))
}

func tooLarge(limit int64) error {
	return problem.New(http.StatusRequestEntityTooLarge, problem.CodeTooLarge, "the body may have %d bytes at most", limit)
}

func fail(c *gin.Context, err error) {
	problem.Write(c.Writer, err, app.RequestID(c.Request.Context()))
	c.Abort()
}
