package app

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"moim.dev/moim/services/internal/problem"
)

// healthPath is what the sidecar asks.
const healthPath = "/healthz"

// RequestIDHeader carries the id of a request from the gateway to every service that takes part in it.
const RequestIDHeader = "X-Request-Id"

var requestSeconds = promauto.NewHistogramVec(prometheus.HistogramOpts{
	Name: "moim_http_request_seconds", Help: "Time to answer a request, by operation and status.",
	Buckets: prometheus.ExponentialBuckets(.001, 2.5, 10),
}, []string{"method", "route", "status"})

func newRouter(a *App) (*gin.Engine, huma.API) {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(identified, a.logged, recovered, a.fromSidecar)
	r.GET(healthPath, func(c *gin.Context) { c.Status(http.StatusOK) })
	r.NoRoute(func(c *gin.Context) {
		fail(c, problem.NotFound(problem.CodeNotFound, "there is nothing at %s", c.Request.URL.Path))
	})
	r.NoMethod(func(c *gin.Context) {
		fail(c, problem.New(http.StatusMethodNotAllowed, "method_not_allowed", "%s cannot be used at %s", c.Request.Method, c.Request.URL.Path))
	})
	api := humagin.New(r, apiConfig(a))
	api.UseMiddleware(a.authorise)
	return r, api
}

func fail(c *gin.Context, err error) {
	problem.Write(c.Writer, err, RequestID(c.Request.Context()))
	c.Abort()
}

var requestIDFormat = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// identified gives each request an id, or keeps the one it came with.
func identified(c *gin.Context) {
	id := c.GetHeader(RequestIDHeader)
	if !requestIDFormat.MatchString(id) {
		id = uuid.NewString()
		c.Request.Header.Set(RequestIDHeader, id)
	}
	c.Header(RequestIDHeader, id)
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestIDKey{}, id))
	c.Next()
}

func (a *App) logged(c *gin.Context) {
	if c.Request.URL.Path == healthPath {
		return
	}
	began := time.Now()
	c.Next()
	took, status := time.Since(began), c.Writer.Status()
	route := c.FullPath()
	if route == "" {
		route = "other"
	}
	requestSeconds.WithLabelValues(c.Request.Method, route, strconv.Itoa(status)).Observe(took.Seconds())
	log := a.Log.DebugContext
	switch {
	case status >= http.StatusInternalServerError:
		log = a.Log.ErrorContext
	case status >= http.StatusBadRequest:
		log = a.Log.InfoContext
	}
	log(c.Request.Context(), "request", "method", c.Request.Method, "path", c.Request.URL.Path, "status", status, "took", took)
}

func recovered(c *gin.Context) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler { //nolint:errorlint // A sentinel that net/http compares so itself.
				panic(v)
			}
			fail(c, fmt.Errorf("panic: %v", v))
			logPanic(c.Request.Context(), v, debug.Stack())
		}
	}()
	c.Next()
}

// fromSidecar refuses what did not come through the service's own sidecar, whose token proves it.
func (a *App) fromSidecar(c *gin.Context) {
	if a.public || c.Request.URL.Path == healthPath {
		return
	}
	if !equal(c.GetHeader("dapr-api-token"), a.config.AppToken) {
		fail(c, problem.Forbidden(problem.CodeForbidden, "this service is reached through its sidecar"))
	}
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
