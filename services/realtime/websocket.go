package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"moim.dev/moim/services/internal/problem"
)

const (
	// readBuffer is what each connection holds to read into: enough for the frame headers and control frames that gorilla
	// looks at in it. Payloads that are larger go past it.
	readBuffer = 512
	// handshakeTimeout bounds the writing of the handshake's answer.
	handshakeTimeout = 5 * time.Second
)

// newUpgrader answers the WebSocket handshake. Only the handshake and the reading are gorilla's: nothing is ever written
// through it, so it gets no write buffer.
func newUpgrader(origins []string) *websocket.Upgrader {
	return &websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		ReadBufferSize:   readBuffer,
		WriteBufferPool:  noBuffers{},
		CheckOrigin:      func(r *http.Request) bool { return originAllowed(r, origins) },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			w.Header().Set("Sec-WebSocket-Version", "13")
			code := problem.CodeBadRequest
			if status == http.StatusForbidden {
				code = problem.CodeForbidden
			}
			problem.Write(w, problem.New(status, code, "%s", reason), "")
		},
	}
}

// subprotocols are the versions of STOMP, the newest first.
var subprotocols = []string{"v12.stomp", "v11.stomp", "v10.stomp"}

// agree returns the header that names the newest subprotocol of those that a client offers. Gorilla itself would take the client's first.
func agree(r *http.Request) http.Header {
	offered := websocket.Subprotocols(r)
	for _, protocol := range subprotocols {
		if slices.Contains(offered, protocol) {
			return http.Header{"Sec-Websocket-Protocol": {protocol}}
		}
	}
	return nil
}

// originAllowed lets pages connect that come from the same host, or from one that is configured. Programs send no Origin.
// X-Forwarded-Host is what a proxy was called by; no page can set it.
func originAllowed(r *http.Request, origins []string) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	same := func(host string) bool { return host != "" && strings.EqualFold(host, u.Host) }
	return same(r.Host) || same(r.Header.Get("X-Forwarded-Host")) || slices.ContainsFunc(origins, same)
}

type noBuffers struct{}

func (noBuffers) Get() any { return nil }
func (noBuffers) Put(any)  {}

// hijacker hands gorilla the connection wrapped, so that all it writes later (pong, close) takes the connection's queue.
type hijacker struct {
	http.ResponseWriter
	c *conn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	socket, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.c.Conn = socket
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			h.c.raw = raw
		}
	}
	return h.c, buffers, nil
}

// serveWebSocket upgrades a request and leaves its connection to a goroutine of its own: when the handler has returned,
// what the HTTP server held for it is released.
func (s *server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		problem.Write(w, problem.Unavailable("this replica is stopping; connect again"), "")
		return
	}
	c := &conn{srv: s}
	ws, err := s.upgrader.Upgrade(&hijacker{w, c}, r, agree(r))
	if err != nil {
		var hs websocket.HandshakeError
		if !errors.As(err, &hs) {
			s.log.Debug("handshake failed", "err", err)
		}
		return
	}
	c.start(ws)
	go c.read()
}

// Frames as RFC 6455, section 5.2, lays them out: final, unmasked, the length in its shortest form.

const (
	opText  = 0x81
	opClose = 0x88
)

// heartBeat is a text frame with the one line feed that is STOMP's heart-beat.
var heartBeat = []byte{opText, 1, '\n'}

// appendTextHeader appends the header of a text frame with n bytes of payload.
func appendTextHeader(dst []byte, n int) []byte {
	switch {
	case n <= 125:
		return append(dst, opText, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, opText, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, opText, 127), uint64(n))
}

// maxTextHeader is the length of the longest header.
const maxTextHeader = 10

// closeFrame is a close frame with a status code.
func closeFrame(code uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{opClose, 2}, code)
}
