// Package invoke calls other services through the sidecar: http://<service>/<path> of an ordinary http.Client becomes Dapr's service
// invocation, with its name resolution, mTLS, access control and tracing.
// Source: https://docs.dapr.io/reference/api/service_invocation_api/
package invoke

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"moim.dev/moim/services/internal/problem"
)

// Transport is an http.RoundTripper to other services.
type Transport struct {
	// Sidecar is the address of the sidecar's HTTP API, host:port.
	Sidecar string
	// Token is what the sidecar asks of the app; empty where it asks for none.
	Token string
	// Prefix stands before a service's name in its app id.
	Prefix string
	// Base does the round trip.
	Base http.RoundTripper
}

// NewClient returns a client with a transport that suits a sidecar: many connections kept, none through a proxy, no compression.
func NewClient(sidecar, token, prefix string) *http.Client {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.Proxy = nil
	base.MaxIdleConns = 0
	base.MaxIdleConnsPerHost = 512
	base.IdleConnTimeout = 90 * time.Second
	base.DisableCompression = true
	return &http.Client{
		Transport:     &Transport{Sidecar: sidecar, Token: token, Prefix: prefix, Base: base},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip sends a request for http://<service>/<path> to the sidecar.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	app := t.Prefix + req.URL.Host
	out.URL = &url.URL{
		Scheme:   "http",
		Host:     t.Sidecar,
		Path:     "/v1.0/invoke/" + app + "/method" + req.URL.Path,
		RawQuery: req.URL.RawQuery,
	}
	if req.URL.RawPath != "" {
		out.URL.RawPath = "/v1.0/invoke/" + app + "/method" + req.URL.RawPath
	}
	out.Host = t.Sidecar
	if t.Token != "" {
		out.Header.Set("dapr-api-token", t.Token)
	}
	return t.Base.RoundTrip(out)
}

// maxProblem bounds what is read of an answer that is no success.
const maxProblem = 64 << 10

// JSON calls a service with in as the body (nil for none) and decodes the answer into out (nil for none). An answer of status 400
// and above is a *problem.Error, also when Dapr itself refused or the service cannot be reached.
func JSON(ctx context.Context, c *http.Client, method, url string, in, out any) error {
	return JSONWith(ctx, c, method, url, nil, in, out)
}

// JSONWith is JSON with headers.
func JSONWith(ctx context.Context, c *http.Client, method, url string, header http.Header, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode call of %s: %w", url, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return fmt.Errorf("call %s: %w", url, err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("call %s: %w", url, failure(resp))
	}
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	} else {
		err = json.NewDecoder(resp.Body).Decode(out)
	}
	if err != nil {
		return fmt.Errorf("read answer of %s: %w", url, err)
	}
	return nil
}

// failure makes a problem of an answer. A service's own problem is passed on; what Dapr says (ERR_DIRECT_INVOKE and the like) means
// that the service was not reached.
func failure(resp *http.Response) *problem.Error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if strings.HasPrefix(resp.Header.Get("Content-Type"), problem.ContentType) {
		p := new(problem.Error)
		if json.Unmarshal(b, p) == nil && p.Code != "" {
			return p
		}
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		return problem.Unavailable("a service this request needs cannot be reached at the moment (status %d)", resp.StatusCode)
	}
	return problem.New(resp.StatusCode, problem.CodeInternal, "a service answered status %d", resp.StatusCode)
}
