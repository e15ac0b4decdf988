package main

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
	"moim.dev/moim/services/internal/stomp"
)

// maxID bounds a subscription id, which every MESSAGE repeats.
const maxID = 128

// roomIDs are UUIDs as the other services write them. Another spelling of the same would be another room here.
var roomIDs = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// subscribe answers SUBSCRIBE. When it returns, the subscription is authorised and will miss nothing; history may still be
// on its way.
func (c *conn) subscribe(f *stomp.Frame) error {
	id := string(f.Header("id"))
	if id == "" && c.version() != stomp.V10 || len(id) > maxID {
		return badFrame("SUBSCRIBE needs an id of 1 to %d bytes", maxID)
	}
	if ack := f.Header("ack"); ack != nil && string(ack) != "auto" {
		return badFrame("ack must be auto: nothing is acknowledged; a client that comes back subscribes with after")
	}
	destination := string(f.Header("destination"))
	roomID, ok := strings.CutPrefix(destination, roomDestination)
	if !ok || !roomIDs.MatchString(roomID) {
		return problem.Forbidden(problem.CodeForbidden, "there is no destination %q to subscribe to", destination)
	}
	after := int64(-1)
	if value, given := f.Lookup("after"); given {
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			return problem.Field("after", "expected a seq, 0 or more")
		}
		after = n
	}
	head := subscriptionHead(id, c.version())
	if id == "" {
		id = destination // As 1.0 has it.
	}
	if err := c.maySubscribe(id); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(c.srv.ctx, patience)
	defer cancel()
	user := c.session.Load().user.ID
	member, err := c.srv.members.check(ctx, roomID, user)
	if err != nil {
		return err
	}
	s := &subscription{
		conn: c, room: c.srv.hub.hold(roomID), id: id, user: user, member: member,
		head: head, version: c.version(),
	}
	c.mu.Lock()
	c.subs = append(c.subs, s)
	c.mu.Unlock()
	s.enter()
	if c.srv.members.leftSince(roomID, user, member) { // The event may have come before the subscription could be found.
		return rooms.ErrNotAMember
	}
	return s.begin(ctx, after)
}

// maySubscribe refuses an id that is in use, and more subscriptions than a connection may have.
func (c *conn) maySubscribe(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.subs) >= c.srv.cfg.MaxSubscriptions {
		return problem.Field("id", "a connection has at most %d subscriptions", c.srv.cfg.MaxSubscriptions)
	}
	if slices.ContainsFunc(c.subs, func(s *subscription) bool { return s.id == id }) {
		return badFrame("there is a subscription with the id %q already", id)
	}
	return nil
}

// begin makes the subscription live, from what follows after, or from now on when after is negative.
func (s *subscription) begin(ctx context.Context, after int64) error {
	if s.resume(after) {
		return nil
	}
	head, err := s.room.hub.log.head(ctx, s.room.id)
	if err != nil {
		return err
	}
	if after > head {
		return problem.Field("after", "expected a seq of the room, whose last is %d", head)
	}
	s.room.observe(head)
	if !s.resume(after) {
		go s.catchUp(after)
	}
	return nil
}

// unsubscribe answers UNSUBSCRIBE. That the subscription is no more, because the member left, is no mistake.
func (c *conn) unsubscribe(f *stomp.Frame) error {
	id := f.Header("id")
	if len(id) == 0 && c.version() == stomp.V10 {
		id = f.Header("destination")
	}
	if len(id) == 0 {
		return badFrame("UNSUBSCRIBE needs the id of a subscription")
	}
	if s := c.removeSubscription(func(s *subscription) bool { return s.id == string(id) }); s != nil {
		s.leave()
	}
	return nil
}

// removeSubscription takes the first that fits off the connection's list.
func (c *conn) removeSubscription(fits func(*subscription) bool) *subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.subs, fits)
	if i < 0 {
		return nil
	}
	s := c.subs[i]
	c.subs = slices.Delete(c.subs, i, i+1)
	return s
}

// endMembership ends the subscriptions of a member who has left. STOMP has no frame for that; ERROR would close the whole
// connection, with the user's other rooms. So each gets a last MESSAGE that says it.
func (h *hub) endMembership(roomID, user string, version int64) {
	r := h.room(roomID)
	if r == nil {
		return
	}
	var ended []*subscription
	r.mu.Lock()
	for _, s := range r.all {
		if s.user == user && s.member < version {
			ended = append(ended, s)
		}
	}
	r.mu.Unlock()
	for _, s := range ended {
		s.end(rooms.ErrNotAMember)
	}
}

// end ends the subscription from the server's side.
func (s *subscription) end(why *problem.Error) {
	if s.conn.removeSubscription(func(other *subscription) bool { return other == s }) == nil {
		return
	}
	s.leave()
	body, err := json.Marshal(why)
	if err != nil {
		panic(err) // A problem is made of strings and numbers.
	}
	s.conn.enqueue(textFrame(&stomp.Frame{Command: stomp.Message, Body: body, Headers: stomp.H(
		"subscription", s.id, "message-id", s.room.id+":ended", "destination", roomDestination+s.room.id,
		"ended", why.Code, "content-type", problem.ContentType)}, s.version))
}
