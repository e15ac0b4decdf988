package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"

	"moim.dev/moim/services/internal/invoke"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
	"moim.dev/moim/services/internal/stomp"
)

// roomBody is what the bodies of SEND frames have in common.
type roomBody struct {
	RoomID  string `json:"roomId"`
	Content string `json:"content"`
}

func readRoomBody(f *stomp.Frame) (body roomBody, err error) {
	if err := json.Unmarshal(f.Body, &body); err != nil {
		return body, problem.Field("body", "expected a JSON object with roomId")
	}
	if !roomIDs.MatchString(body.RoomID) {
		return body, problem.Field("body.roomId", "expected the id of a room")
	}
	return body, nil
}

// sendMessage takes a message for the log. Whether the sender is a member is decided where it is stored, in the
// transaction that gives it its place.
func (c *conn) sendMessage(f *stomp.Frame) error {
	body, err := readRoomBody(f)
	if err != nil {
		return err
	}
	if broken := rooms.ContentRule(body.Content); broken != "" {
		return problem.Field("body.content", "%s", broken)
	}
	key := string(f.Header("idempotency-key"))
	if key == "" {
		key = rand.Text() // So that we may try again, too.
	}
	if broken := rooms.KeyRule(key); broken != "" {
		return problem.Field("idempotency-key", "%s", broken)
	}
	return c.srv.lane(body.RoomID).add(&outgoing{
		conn: c, receipt: string(f.Header("receipt")), deadline: time.Now().Add(c.srv.cfg.AppendTimeout),
		appendItem: appendItem{RoomID: body.RoomID, SenderID: c.userID(), Content: body.Content, Key: key},
	})
}

// changeMembership enters (PUT) or leaves (DELETE) a room, as the user's own HTTP call would. What was sent before has its
// place in the log before.
func (c *conn) changeMembership(f *stomp.Frame, method string) error {
	body, err := readRoomBody(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.srv.ctx, c.srv.cfg.AppendTimeout+patience)
	defer cancel()
	if !c.awaitStored(ctx) {
		return errUnavailable
	}
	header := http.Header{"Authorization": {"Bearer " + c.session.Load().token}}
	address := "http://chat/api/chat/rooms/" + url.PathEscape(body.RoomID) + "/members/me"
	return retry(ctx, func(ctx context.Context) error {
		return invoke.JSONWith(ctx, c.srv.call, method, address, header, nil, nil)
	})
}

// disconnect answers DISCONNECT when everything sent before it was answered, and closes.
func (c *conn) disconnect(f *stomp.Frame) error {
	ctx, cancel := context.WithTimeout(c.srv.ctx, c.srv.cfg.AppendTimeout+patience)
	defer cancel()
	if !c.awaitStored(ctx) {
		return errUnavailable
	}
	c.sendReceipt(f.Header("receipt"))
	c.finish(false, closeFrame(websocket.CloseNormalClosure))
	return nil
}

// sending counts a message that is to be stored.
func (c *conn) sending() {
	c.mu.Lock()
	c.sends++
	c.mu.Unlock()
}

// stored counts one that was stored or refused.
func (c *conn) stored() {
	c.mu.Lock()
	c.sends--
	done := c.sends == 0
	if done && c.sent != nil {
		close(c.sent)
		c.sent = nil
	}
	retire := done && c.retiring
	c.mu.Unlock()
	if retire {
		c.fail(errDraining, nil)
	}
}

// awaitStored waits until every message of this connection was stored or refused. It answers false when that takes too long.
func (c *conn) awaitStored(ctx context.Context) bool {
	c.mu.Lock()
	if c.sends == 0 {
		c.mu.Unlock()
		return true
	}
	if c.sent == nil {
		c.sent = make(chan struct{})
	}
	sent := c.sent
	c.mu.Unlock()
	select {
	case <-sent:
		return true
	case <-ctx.Done():
		return false
	}
}

// retire sends the connection away as soon as what it has sent is stored; what it sends from now on is not read.
func (c *conn) retire() {
	c.mu.Lock()
	c.retiring = true
	now := c.sends == 0
	c.mu.Unlock()
	if now {
		c.fail(errDraining, nil)
	}
}
