package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// sockets passes WebSocket connections to the replicas of realtime in turn. Dapr proxies no WebSocket, so this goes directly.
type sockets struct {
	addrs []string
	next  atomic.Uint32
	proxy *httputil.ReverseProxy
}

func newSockets(cfg *config) *sockets {
	s := &sockets{addrs: cfg.RealtimeAddrs}
	s.proxy = &httputil.ReverseProxy{
		Transport: &http.Transport{DialContext: s.dial, DisableKeepAlives: true, ResponseHeaderTimeout: 10 * time.Second},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "realtime"
			r.Out.Host = r.In.Host // Realtime compares it with the origin.
			client, _ := r.In.Context().Value(clientKey{}).(string)
			r.Out.Header.Set("X-Forwarded-For", client)
		},
		ErrorHandler: refuse,
	}
	return s
}

// dial connects to the next replica, or to the one after it when that cannot be reached.
func (s *sockets) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	first := int(s.next.Add(1))
	var errs []error
	for i := range s.addrs {
		conn, err := dialer.DialContext(ctx, network, s.addrs[(first+i)%len(s.addrs)])
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (s *sockets) pass(c *gin.Context) {
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), clientKey{}, c.ClientIP()))
	s.proxy.ServeHTTP(c.Writer, c.Request)
}
