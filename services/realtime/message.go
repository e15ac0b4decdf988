package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"moim.dev/moim/services/internal/stomp"
)

// message is one message of a room's log. Its body is passed on as the message service wrote it.
type message struct {
	room string
	seq  int64
	body []byte
	// headers are those of the frame behind the subscription header, escaped and not: what all subscribers share.
	headers [2][]byte
}

// UnmarshalJSON keeps the body and reads of it what the hub needs.
func (m *message) UnmarshalJSON(b []byte) error {
	var head struct {
		RoomID string `json:"roomId"`
		Seq    int64  `json:"seq"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	if head.RoomID == "" || head.Seq < 1 {
		return fmt.Errorf("message %q %d is none", head.RoomID, head.Seq)
	}
	*m = message{room: head.RoomID, seq: head.Seq, body: append([]byte(nil), b...)}
	return nil
}

// subscriptionHead is a MESSAGE frame up to the end of its subscription header, which subscriptions without an id, of 1.0, don't have.
func subscriptionHead(id string, v stomp.Version) []byte {
	if id == "" {
		return []byte(stomp.Message + "\n")
	}
	return stomp.AppendHeader([]byte(stomp.Message+"\n"), "subscription", id, v)
}

// roomDestination is the destination of a room's messages.
const roomDestination = "/sub/chat/"

// sharedHeaders are the headers behind the subscription header, with the line that ends them. The caller holds the lock of
// the message's room, or is the only one to know the message.
func (m *message) sharedHeaders(v stomp.Version) []byte {
	i := 0
	if v == stomp.V10 {
		i = 1
	}
	if m.headers[i] == nil {
		seq := strconv.FormatInt(m.seq, 10)
		b := make([]byte, 0, 2*len(m.room)+128)
		b = stomp.AppendHeader(b, "message-id", m.room+":"+seq, v)
		b = stomp.AppendHeader(b, "destination", roomDestination+m.room, v)
		b = append(append(append(b, "seq:"...), seq...), '\n')
		b = append(b, "content-type:application/json\ncontent-length:"...)
		m.headers[i] = append(strconv.AppendInt(b, int64(len(m.body)), 10), "\n\n"...)
	}
	return m.headers[i]
}

// encode writes messages as WebSocket frames, one after the other, for the subscriptions whose frames begin with head.
func encode(head []byte, v stomp.Version, messages []*message) []byte {
	size := 0
	for _, m := range messages {
		size += maxTextHeader + len(head) + len(m.sharedHeaders(v)) + len(m.body) + 1
	}
	b := make([]byte, 0, size)
	for _, m := range messages {
		headers := m.sharedHeaders(v)
		b = appendTextHeader(b, len(head)+len(headers)+len(m.body)+1)
		b = append(append(append(append(b, head...), headers...), m.body...), 0)
	}
	return b
}
