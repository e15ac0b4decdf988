package main

import (
	"context"

	"moim.dev/moim/services/internal/events"
)

// Events on pub/sub fanout, which every replica gets. A replica that is new to a broker may be told those of long ago;
// none of them does harm then.

// messagesAppended passes on what one commit stored.
func (s *server) messagesAppended(_ context.Context, e events.Event) error {
	var data struct {
		Messages []*message `json:"messages"`
	}
	if err := e.Decode(&data); err != nil {
		return err
	}
	s.hub.silence.events.Add(1)
	s.hub.append(data.Messages)
	return nil
}

// memberLeft ends the subscriptions of a member.
func (s *server) memberLeft(_ context.Context, e events.Event) error {
	var data struct {
		RoomID  string `json:"roomId"`
		UserID  string `json:"userId"`
		Version int64  `json:"version"`
	}
	if err := e.Decode(&data); err != nil {
		return err
	}
	s.members.left(data.RoomID, data.UserID, data.Version)
	s.hub.endMembership(data.RoomID, data.UserID, data.Version)
	return nil
}

// sessionsRevoked closes the connections of sessions that have ended.
func (s *server) sessionsRevoked(_ context.Context, e events.Event) error {
	var data struct {
		SessionIDs []string `json:"sessionIds"`
	}
	if err := e.Decode(&data); err != nil {
		return err
	}
	for _, id := range data.SessionIDs {
		s.sessions.revoke(id)
	}
	return nil
}
