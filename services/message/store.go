package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/problem"
)

// membership is a user in a room.
type membership struct {
	room uuid.UUID
	user string
}

// place is what makes a message the same when it is sent again.
type place struct {
	membership
	key string
}

// found is what a transaction knows of the rooms it has locked.
type found struct {
	lastSeq map[uuid.UUID]int64
	members map[membership]bool
	stored  map[place]int64
}

// store appends entries to the logs of their rooms in one transaction and writes each one's result. Members that are not known here
// are asked of chat: the event of a join a moment ago may still be on its way.
func (l *log) store(ctx context.Context, entries []*entry) error {
	unknown, err := l.tryStore(ctx, entries, nil)
	if err != nil || len(unknown) == 0 {
		return err
	}
	refused, err := l.learn(ctx, unknown)
	if err != nil {
		return err
	}
	_, err = l.tryStore(ctx, entries, refused)
	return err
}

// tryStore stores entries unless there are memberships among them that are neither known nor refused; it returns those.
func (l *log) tryStore(ctx context.Context, entries []*entry, refused map[membership]*problem.Error) (unknown []membership, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	err = l.out.InTx(ctx, func(tx pgx.Tx) error {
		f, err := lockRooms(ctx, tx, entries)
		if err != nil {
			return err
		}
		if unknown = f.missing(entries, refused); len(unknown) > 0 {
			return nil
		}
		return write(ctx, tx, f.assign(entries, refused), f.lastSeq)
	})
	return unknown, err
}

// lockRooms locks the rooms of entries, always in the order of their ids so that no two batches wait for each other, and reads what
// decides about the entries, in one round trip.
func lockRooms(ctx context.Context, tx pgx.Tx, entries []*entry) (*found, error) {
	n := len(entries)
	rooms, users, keys := make([]uuid.UUID, n), make([]string, n), make([]string, n)
	for i, e := range entries {
		rooms[i], users[i], keys[i] = e.RoomID, e.SenderID, e.Key
	}
	distinct := slices.Clone(rooms)
	slices.SortFunc(distinct, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	distinct = slices.Compact(distinct)

	f := &found{lastSeq: make(map[uuid.UUID]int64, len(distinct)), members: map[membership]bool{}, stored: map[place]int64{}}
	batch := &pgx.Batch{}
	batch.Queue(`SELECT room_id, last_seq, closed FROM rooms WHERE room_id = ANY($1) ORDER BY room_id FOR UPDATE`, distinct).
		Query(func(rows pgx.Rows) error {
			var room uuid.UUID
			var seq int64
			var closed bool
			_, err := pgx.ForEachRow(rows, []any{&room, &seq, &closed}, func() error {
				if !closed {
					f.lastSeq[room] = seq
				}
				return nil
			})
			return err
		})
	batch.Queue(`SELECT room_id, user_id FROM members WHERE member AND (room_id, user_id) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))`, rooms, users).
		Query(func(rows pgx.Rows) error {
			var m membership
			_, err := pgx.ForEachRow(rows, []any{&m.room, &m.user}, func() error {
				f.members[m] = true
				return nil
			})
			return err
		})
	// Its own snapshot, taken with the locks held: what another replica has just stored is seen.
	batch.Queue(`SELECT room_id, sender_id, key, seq FROM messages
		WHERE (room_id, sender_id, key) IN (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]))`, rooms, users, keys).
		Query(func(rows pgx.Rows) error {
			var p place
			var seq int64
			_, err := pgx.ForEachRow(rows, []any{&p.room, &p.user, &p.key, &seq}, func() error {
				f.stored[p] = seq
				return nil
			})
			return err
		})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("lock rooms: %w", err)
	}
	return f, nil
}

// may says whether a membership allows to write here: the member is known, and so is the room.
func (f *found) may(m membership) bool {
	_, open := f.lastSeq[m.room]
	return open && f.members[m]
}

// missing are the memberships that somebody has to be asked about.
func (f *found) missing(entries []*entry, refused map[membership]*problem.Error) []membership {
	var missing []membership
	for _, e := range entries {
		m := membership{e.RoomID, e.SenderID}
		if _, known := refused[m]; !known && !f.may(m) && !slices.Contains(missing, m) {
			missing = append(missing, m)
		}
	}
	return missing
}

// assign gives each entry its result, and returns those that are new, with their places in the log.
func (f *found) assign(entries []*entry, refused map[membership]*problem.Error) []Message {
	now := time.Now().UTC().Truncate(time.Microsecond) // As precise as PostgreSQL stores it.
	added := make([]Message, 0, len(entries))
	for _, e := range entries {
		m := membership{e.RoomID, e.SenderID}
		if p := refused[m]; p != nil {
			e.result.refuse(p)
			continue
		}
		if !f.may(m) {
			e.result.refuse(problem.NotFound(problem.CodeNotFound, "there is no such room"))
			continue
		}
		at := place{m, e.Key}
		seq, again := f.stored[at]
		if !again {
			f.lastSeq[e.RoomID]++
			seq = f.lastSeq[e.RoomID]
			f.stored[at] = seq
			e.Seq, e.SentAt = seq, now
			added = append(added, e.Message)
			e.result.Message = &e.Message
		}
		e.result.Seq = seq
	}
	return added
}

// write stores messages, the rooms' new ends, and the event that tells of them, in one round trip.
func write(ctx context.Context, tx pgx.Tx, messages []Message, lastSeq map[uuid.UUID]int64) error {
	if len(messages) == 0 {
		return nil
	}
	n := len(messages)
	rooms, seqs, types, ids := make([]uuid.UUID, n), make([]int64, n), make([]string, n), make([]string, n)
	names, contents, keys, times := make([]string, n), make([]string, n), make([]string, n), make([]time.Time, n)
	touched, ends := make([]uuid.UUID, 0, n), make([]int64, 0, n)
	for i, m := range messages {
		rooms[i], seqs[i], types[i], ids[i] = m.RoomID, m.Seq, m.Type, m.SenderID
		names[i], contents[i], keys[i], times[i] = m.SenderName, m.Content, m.Key, m.SentAt
		if lastSeq[m.RoomID] == m.Seq {
			touched, ends = append(touched, m.RoomID), append(ends, m.Seq)
		}
	}
	event, err := outbox.Args(ctx, fanout(messages))
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO messages (room_id, seq, type, sender_id, sender_name, content, key, sent_at)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])`,
		rooms, seqs, types, ids, names, contents, keys, times)
	batch.Queue(`UPDATE rooms SET last_seq = new.seq FROM unnest($1::uuid[], $2::bigint[]) AS new (room_id, seq)
		WHERE rooms.room_id = new.room_id`, touched, ends)
	batch.Queue(outbox.Insert, event...)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store messages: %w", err)
	}
	return nil
}
