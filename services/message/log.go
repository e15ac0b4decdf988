package main

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/token"
)

// Types of messages.
const (
	typeMessage = "MESSAGE"
	typeEnter   = "ENTER"
	typeLeave   = "LEAVE"
)

// log is the logs of all rooms.
type log struct {
	db      *pgxpool.Pool
	out     *outbox.Outbox
	call    *http.Client
	tokens  *token.Verifier
	commits *committer
}

func newLog(db *pgxpool.Pool, out *outbox.Outbox, call *http.Client, tokens *token.Verifier) *log {
	l := &log{db: db, out: out, call: call, tokens: tokens}
	l.commits = &committer{commit: l.commit}
	return l
}

// Message is one message of a room's log.
type Message struct {
	RoomID     uuid.UUID `json:"roomId"`
	Seq        int64     `json:"seq" doc:"The place in the room's log: 1, 2, 3, … without a gap."`
	Type       string    `json:"type" enum:"MESSAGE,ENTER,LEAVE"`
	SenderID   string    `json:"senderId"`
	SenderName string    `json:"senderName" doc:"As it was when the message was sent."`
	Content    string    `json:"content"`
	Key        string    `json:"key" doc:"The client's idempotency key."`
	SentAt     time.Time `json:"sentAt"`
}
