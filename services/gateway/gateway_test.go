package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"moim.dev/moim/services/internal/settings"
)

func TestPlain(t *testing.T) {
	for target, want := range map[string]bool{
		"/api/chat/rooms":                     true,
		"/api/chat/rooms/":                    true,
		"/api/chat/rooms?title=..%2F":         true,
		"/api/auth/.well-known/jwks.json":     true,
		"/api/chat/../../internal/rooms":      false,
		"/api/chat/%2e%2e/%2e%2e/internal/x":  false,
		"/api/chat/..%2f..%2finternal/x":      false,
		"/api/chat/%252e%252e/internal/x":     false,
		"/api/chat//internal/x":               false,
		"/api/chat/..\\internal":              false,
		"/api/chat/rooms/%00":                 false,
		"/api/message/rooms/0190-ab/messages": true,
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := plain(u); got != want {
			t.Errorf("plain(%s) = %v, want %v", target, got, want)
		}
	}
}

func TestBuckets(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := buckets{rate: settings.Fixed(2.0), all: map[string]*bucket{}}
	for i := range 2 * burst {
		if wait := b.take("mina", now); wait != 0 {
			t.Fatalf("request %d of the burst has to wait %s", i, wait)
		}
	}
	if got, want := b.take("mina", now), 500*time.Millisecond; got != want {
		t.Errorf("after the burst: wait %s, want %s", got, want)
	}
	if got, want := b.take("mina", now), 500*time.Millisecond; got != want {
		t.Errorf("a refused request took a token: wait %s, want %s", got, want)
	}
	if wait := b.take("joon", now); wait != 0 {
		t.Errorf("another key has to wait %s", wait)
	}
	b.forget(now.Add(time.Nanosecond))
	if len(b.all) != 0 {
		t.Errorf("%d idle buckets are kept", len(b.all))
	}
	unlimited := buckets{rate: settings.Fixed(0.0), all: map[string]*bucket{}}
	for range 1000 {
		if unlimited.take("mina", now) != 0 {
			t.Fatal("rate 0 limits")
		}
	}
}

// An IPv6 site has 2⁶⁴ addresses and one limit.
func TestLimitsCountNetworks(t *testing.T) {
	gin.SetMode(gin.TestMode)
	l := &limits{addresses: buckets{rate: settings.Fixed(1.0), all: map[string]*bucket{}}}
	router := gin.New()
	router.Use(l.byAddress)
	router.GET("/", func(c *gin.Context) { c.Status(http.StatusOK) })
	from := func(address string) int {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = net.JoinHostPort(address, "1234")
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		return w.Code
	}
	for i := range burst {
		if status := from(fmt.Sprintf("2001:db8:1:2::%d", i)); status != http.StatusOK {
			t.Fatalf("request %d: status %d", i, status)
		}
	}
	if status := from("2001:db8:1:2:ffff::1"); status != http.StatusTooManyRequests {
		t.Errorf("another address of the site: status %d, want 429", status)
	}
	if status := from("2001:db8:1:3::1"); status != http.StatusOK {
		t.Errorf("another site: status %d, want 200", status)
	}
}

func TestWeb(t *testing.T) {
	dir := t.TempDir()
	page := "<!doctype html>" + strings.Repeat("<p>moim</p>", 100)
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("index.html", page)
	write("assets/app-1a2b.js", "export{}")
	client, err := loadWeb(dir)
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(securityHeaders)
	router.NoRoute(client.serve)
	server := httptest.NewServer(router)
	defer server.Close()

	type answer struct {
		Status                             int
		ContentType, Cache, Encoding, Body string
	}
	get := func(method, path string, header http.Header) answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		resp, err := (&http.Transport{DisableCompression: true}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Header.Get("Content-Security-Policy") != policy {
			t.Errorf("%s has no security headers", path)
		}
		if len(body) > 20 {
			body = body[:15]
		}
		return answer{resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control"), resp.Header.Get("Content-Encoding"), string(body)}
	}
	html := answer{200, "text/html; charset=utf-8", "no-cache", "", "<!doctype html>"}
	for name, test := range map[string]struct {
		method, path string
		want         answer
	}{
		"the page":                         {"GET", "/", html},
		"a path that the client routes":    {"GET", "/rooms/42", html},
		"a file that may be kept for ever": {"GET", "/assets/app-1a2b.js", answer{200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "", "export{}"}},
		"the head of the page has no body": {"HEAD", "/", answer{200, "text/html; charset=utf-8", "no-cache", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, get(test.method, test.path, http.Header{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, path := range []string{"/assets/gone.js", "/api/nothing", "/favicon.ico"} {
		if got := get("GET", path, http.Header{}); got.Status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, got.Status)
		}
	}
	if got := get("POST", "/", http.Header{}); got.Status != http.StatusMethodNotAllowed {
		t.Errorf("POST /: status %d, want 405", got.Status)
	}
	if got := get("GET", "/", http.Header{"Accept-Encoding": {"gzip"}}); got.Encoding != "gzip" {
		t.Errorf("the page is not compressed for who accepts it")
	}
	if got := get("GET", "/", http.Header{"If-None-Match": {client.index.etag}}); got.Status != http.StatusNotModified {
		t.Errorf("a page that has not changed: status %d, want 304", got.Status)
	}
}
