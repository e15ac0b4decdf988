package main

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/stomp"
	"moim.dev/moim/services/internal/token"
)

// session is who is at the other end, by which token. It is replaced as a whole when the token is renewed.
type session struct {
	user    token.User
	token   string
	version stomp.Version
	// beat is how often the server must send something, in ns; silence is how long the client may send nothing. 0: not at all.
	beat, silence int64
}

// connect answers CONNECT.
func (c *conn) connect(f *stomp.Frame) error {
	if f.Command != stomp.Connect && f.Command != stomp.Stomp {
		return badFrame("%s before CONNECT", f.Command)
	}
	version, ok := negotiate(f)
	if !ok {
		return badFrame("this server speaks STOMP 1.2, 1.1 and 1.0; none of them is in accept-version")
	}
	sends, wants, err := heartBeats(f.Header("heart-beat"))
	if err != nil {
		return err
	}
	raw := token.Bearer(string(f.Header("Authorization")))
	if raw == "" {
		raw = string(f.Header("passcode"))
	}
	user, err := c.srv.verify(raw)
	if err != nil {
		return err
	}
	s := &session{user: user, token: raw, version: version}
	own := c.srv.cfg.HeartBeat
	if wants > 0 {
		s.beat = max(wants, own).Nanoseconds()
	}
	if sends > 0 {
		s.silence = (2*max(sends, own) + silenceSlack).Nanoseconds()
	}
	c.session.Store(s)
	c.decoder.Version, c.decoder.Limits = version, limits
	c.connected()
	if !c.srv.sessions.add(user.Session, c) {
		return errTokenRevoked
	}
	beat := strconv.FormatInt(own.Milliseconds(), 10)
	c.enqueue(textFrame(&stomp.Frame{Command: stomp.Connected, Headers: stomp.H(
		"version", version.String(), "heart-beat", beat+","+beat, "server", "moim",
		"session", c.srv.name+"-"+strconv.FormatUint(c.id, 10), "user-name", user.ID)}, version))
	return nil
}

// negotiate picks the best version that both speak. A client of 1.0 names none.
func negotiate(f *stomp.Frame) (stomp.Version, bool) {
	accept, given := f.Lookup("accept-version")
	if !given {
		return stomp.V10, true
	}
	for _, v := range stomp.Versions {
		for a := range strings.SplitSeq(string(accept), ",") {
			if strings.TrimSpace(a) == v.String() {
				return v, true
			}
		}
	}
	return 0, false
}

// heartBeats reads the header heart-beat of CONNECT: how often the client sends, and how often it wants to receive.
func heartBeats(header []byte) (sends, wants time.Duration, err error) {
	if len(header) == 0 {
		return 0, 0, nil
	}
	x, y, ok := strings.Cut(string(header), ",")
	cx, errX := strconv.ParseUint(strings.TrimSpace(x), 10, 31)
	cy, errY := strconv.ParseUint(strings.TrimSpace(y), 10, 31)
	if !ok || errX != nil || errY != nil {
		return 0, 0, badFrame("heart-beat is not two numbers of milliseconds")
	}
	return time.Duration(cx) * time.Millisecond, time.Duration(cy) * time.Millisecond, nil
}

// verify is who a token belongs to.
func (s *server) verify(raw string) (token.User, error) {
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	return s.verifyToken(ctx, raw)
}

// renew takes a new token of the same user: the connection goes on past the old one's end. As an event that ended a
// membership may have been lost with a broker, memberships are verified too.
func (c *conn) renew(f *stomp.Frame) error {
	raw := token.Bearer(string(f.Header("Authorization")))
	user, err := c.srv.verify(raw)
	if err != nil {
		return err
	}
	old := c.session.Load()
	if user.ID != old.user.ID {
		return problem.Forbidden(problem.CodeForbidden, "the new token is another user's")
	}
	renewed := *old
	renewed.user, renewed.token = user, raw
	c.session.Store(&renewed)
	if user.Session != old.user.Session {
		c.srv.sessions.remove(old.user.Session, c)
		if !c.srv.sessions.add(user.Session, c) {
			return errTokenRevoked
		}
	}
	go c.verifyMemberships(c.srv.ctx)
	return nil
}

// revokedMemory is how long the end of a session is remembered for a connection that was just verified: longer than the
// verifier believes an older answer.
const revokedMemory = 2 * time.Minute

// sessions finds the connections of a session.
type sessions struct {
	mu      sync.Mutex
	conns   map[string][]*conn
	revoked map[string]time.Time
}

func newSessions() *sessions {
	return &sessions{conns: map[string][]*conn{}, revoked: map[string]time.Time{}}
}

// add answers false when the session has ended a moment ago.
func (s *sessions) add(id string, c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[id] = append(s.conns[id], c)
	_, revoked := s.revoked[id]
	return !revoked
}

func (s *sessions) remove(id string, c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := s.conns[id]
	for i := range conns {
		if conns[i] == c {
			conns[i] = conns[len(conns)-1]
			conns[len(conns)-1] = nil
			conns = conns[:len(conns)-1]
			break
		}
	}
	if len(conns) == 0 {
		delete(s.conns, id)
		return
	}
	s.conns[id] = conns
}

// revoke closes the connections of a session that has ended.
func (s *sessions) revoke(id string) {
	s.mu.Lock()
	s.revoked[id] = time.Now()
	conns := append([]*conn(nil), s.conns[id]...)
	s.mu.Unlock()
	for _, c := range conns {
		c.fail(errTokenRevoked, nil)
	}
}

// forget drops what need not be remembered any more.
func (s *sessions) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, at := range s.revoked {
		if time.Since(at) > revokedMemory {
			delete(s.revoked, id)
		}
	}
}
