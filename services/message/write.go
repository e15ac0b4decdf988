package main

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/rooms"
)

// topicAppended is the topic on which every replica of realtime learns what was appended.
const topicAppended = "message.log.appended"

// appended is the data of an event on topicAppended.
type appended struct {
	Messages []Message `json:"messages"`
}

const (
	// eventBytes bounds one event as it is encoded, so that no broker refuses it (NATS and Kafka take 1 MiB): a commit that stored more
	// is told in several.
	eventBytes = 256 << 10
	// eventOverhead is what a message takes there beside its texts, at most.
	eventOverhead = 192
)

// eventSize is at least how many bytes a message takes in an event.
func (m *Message) eventSize() int {
	return eventOverhead + rooms.JSONBytes(m.SenderID) + rooms.JSONBytes(m.SenderName) + rooms.JSONBytes(m.Content) + rooms.JSONBytes(m.Key)
}

const insertMessages = `INSERT INTO messages (room_id, seq, type, sender_id, sender_name, content, key, sent_at)
	SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])`

const updateRooms = `UPDATE rooms SET last_seq = ends.seq FROM unnest($1::uuid[], $2::bigint[]) AS ends (room_id, seq)
	WHERE rooms.room_id = ends.room_id`

// uuids is what pgx encodes fast; a uuid.UUID it takes for a database/sql value, by way of its text.
type uuids = pgtype.FlatArray[pgtype.UUID]

func pgUUID(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// queueWrite adds to a transaction that has locked the messages' rooms what stores messages, the rooms' new ends, and the events that
// tell of them. The messages of a room are in the order of their places.
func queueWrite(ctx context.Context, batch *pgx.Batch, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	n := len(messages)
	rooms, seqs, types, senders := make(uuids, n), make([]int64, n), make([]string, n), make([]string, n)
	names, contents, keys, times := make([]string, n), make([]string, n), make([]string, n), make([]time.Time, n)
	ends := make(map[uuid.UUID]int64, n)
	for i := range messages {
		m := &messages[i]
		rooms[i], seqs[i], types[i], senders[i] = pgUUID(m.RoomID), m.Seq, m.Type, m.SenderID
		names[i], contents[i], keys[i], times[i] = m.SenderName, m.Content, m.Key, m.SentAt
		ends[m.RoomID] = m.Seq
	}
	touched, lastSeqs := make(uuids, 0, len(ends)), make([]int64, 0, len(ends))
	for id, seq := range ends {
		touched, lastSeqs = append(touched, pgUUID(id)), append(lastSeqs, seq)
	}
	batch.Queue(insertMessages, rooms, seqs, types, senders, names, contents, keys, times)
	batch.Queue(updateRooms, touched, lastSeqs)
	for len(messages) > 0 {
		count := 1
		for size := messages[0].eventSize(); count < len(messages); count++ {
			if size += messages[count].eventSize(); size > eventBytes {
				break
			}
		}
		event, err := outbox.Args(ctx, outbox.Event{PubSub: app.PubSubFanout, Topic: topicAppended, Data: appended{messages[:count]}})
		if err != nil {
			return err
		}
		batch.Queue(outbox.Insert, event...)
		messages = messages[count:]
	}
	return nil
}
