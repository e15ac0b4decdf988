package main

import (
	"net/http"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/stomp"
)

// handle does what a frame asks. Its error closes the connection.
func (c *conn) handle(f *stomp.Frame) error {
	if c.session.Load() == nil {
		return c.connect(f)
	}
	rate, burst := c.srv.frames()
	if !c.bucket.take(c.srv.now(), rate, burst) {
		return errRateLimited
	}
	var err error
	switch f.Command {
	case stomp.Send:
		if isMessage(f) {
			return c.sendMessage(f) // Receipted when it is stored.
		}
		err = c.send(f)
	case stomp.Subscribe:
		err = c.subscribe(f)
	case stomp.Unsubscribe:
		err = c.unsubscribe(f)
	case stomp.Disconnect:
		return c.disconnect(f)
	default:
		err = badFrame("%s is not understood here", f.Command)
	}
	if err == nil {
		c.sendReceipt(f.Header("receipt"))
	}
	return err
}

// isMessage says whether a frame is a chat message.
func isMessage(f *stomp.Frame) bool {
	return f.Command == stomp.Send && string(f.Header("destination")) == "/pub/chat/message"
}

// send does what a SEND asks that is no message.
func (c *conn) send(f *stomp.Frame) error {
	switch destination := string(f.Header("destination")); destination {
	case "/pub/chat/enter":
		return c.changeMembership(f, http.MethodPut)
	case "/pub/chat/leave":
		return c.changeMembership(f, http.MethodDelete)
	case "/pub/session/renew":
		return c.renew(f)
	default:
		return problem.Forbidden(problem.CodeForbidden, "there is no destination %q to send to", destination)
	}
}
