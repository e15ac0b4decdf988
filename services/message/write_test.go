package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/rooms"
)

func TestEventsAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		count   int
		events  int // at most
	}{
		"short messages share an event":        {"hello", 500, 1},
		"long messages":                        {strings.Repeat("가", rooms.MaxContent), 100, 6},
		"messages that are six times as large": {strings.Repeat("<", rooms.MaxContent), 100, 12},
		"one alone":                            {strings.Repeat("<", rooms.MaxContent), 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			messages := make([]Message, test.count)
			for i := range messages {
				messages[i] = Message{
					RoomID: uuid.New(), Seq: 1 << 53, Type: typeMessage, SenderID: strings.Repeat("u", 32), SenderName: strings.Repeat("이", 40),
					Content: test.content, Key: strings.Repeat("k", rooms.MaxKey), SentAt: time.Now(),
				}
			}
			batch := &pgx.Batch{}
			if err := queueWrite(t.Context(), batch, messages); err != nil {
				t.Fatal(err)
			}
			events := 0
			for _, q := range batch.QueuedQueries {
				if q.SQL != outbox.Insert {
					continue
				}
				events++
				if n := len(q.Arguments[4].(string)); n > eventBytes+len(`{"messages":[]}`) {
					t.Errorf("an event has %d bytes, want %d at most", n, eventBytes)
				}
			}
			if events < 1 || events > test.events {
				t.Errorf("%d events, want %d at most", events, test.events)
			}
		})
	}
}
