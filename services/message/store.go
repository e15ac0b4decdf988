package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
)

var (
	errClosed  = problem.NotFound(problem.CodeNotFound, "the room is closed")
	errReused  = problem.Conflict(problem.CodeConflict, "this idempotency-key was used for another message in this room")
	errUnknown = problem.Unavailable("whether you are a member of this room cannot be found out at the moment")
)

// store appends entries to the logs of their rooms and writes their results. Those of members who are not known here wait until chat
// has been asked: the event of a join a moment ago may still be on its way.
func (l *log) store(ctx context.Context, entries []*entry) error {
	if err := l.commits.add(ctx, entries); err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e *entry) bool { return !e.unknown })
	if len(entries) == 0 {
		return nil
	}
	members, err := l.learn(ctx, entries)
	if err != nil {
		return err
	}
	return l.commits.add(ctx, members)
}

// lockRooms locks rooms, always in the order of their ids so that no two transactions wait for each other.
const lockRooms = `SELECT room_id, last_seq, closed FROM rooms WHERE room_id = ANY($1) ORDER BY room_id FOR NO KEY UPDATE`

// A transaction's statements are planned once per connection, not each time as the planner likes it with arrays. So that a plan made
// while the tables were small is none that scans them when they have grown, it may not scan.
const (
	planOnce = `SET LOCAL plan_cache_mode = force_generic_plan`
	noScan   = `SET LOCAL enable_seqscan = off`
)

// lookUp finds out what decides about each entry. It must come after lockRooms: it sees then what others stored before they unlocked.
// The limit, which changes nothing, has it look in the index for each entry.
const lookUp = `SELECT i,
		COALESCE((SELECT member FROM members WHERE room_id = e.room AND user_id = e.sender), false),
		COALESCE(m.seq, 0), COALESCE(m.content, '')
	FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS e (room, sender, key, i)
	LEFT JOIN LATERAL (SELECT seq, content FROM messages WHERE room_id = e.room AND sender_id = e.sender AND key = e.key LIMIT 1) AS m ON true`

// found is what a transaction knows of its rooms and entries.
type found struct {
	rooms map[uuid.UUID]*room
	// member and stored are by entry.
	member []bool
	stored []stored
}

// stored is a message that was stored before; seq is 0 for none.
type stored struct {
	seq     int64
	content string
}

type room struct {
	lastSeq int64
	closed  bool
}

// commit appends entries in one transaction of two round trips.
func (l *log) commit(ctx context.Context, entries []*entry) error {
	conn, err := l.db.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Release() // In the middle of a transaction it closes the connection, which rolls back.
	f, err := find(ctx, conn, entries)
	if err != nil {
		return fmt.Errorf("lock rooms: %w", err)
	}
	batch := &pgx.Batch{}
	added := f.assign(entries)
	if err := queueWrite(ctx, batch, added); err != nil {
		return err
	}
	batch.Queue(`COMMIT`)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store messages: %w", err)
	}
	if len(added) > 0 {
		l.out.WakeOne(app.PubSubFanout)
	}
	return nil
}

// find begins the transaction.
func find(ctx context.Context, conn *pgxpool.Conn, entries []*entry) (*found, error) {
	n := len(entries)
	rooms, senders, keys := make(uuids, n), make([]string, n), make([]string, n)
	for i, e := range entries {
		rooms[i], senders[i], keys[i] = pgUUID(e.RoomID), e.SenderID, e.Key
	}
	distinct := slices.Clone(rooms)
	slices.SortFunc(distinct, func(a, b pgtype.UUID) int { return bytes.Compare(a.Bytes[:], b.Bytes[:]) })
	distinct = slices.Compact(distinct)

	f := &found{rooms: make(map[uuid.UUID]*room, len(distinct)), member: make([]bool, n), stored: make([]stored, n)}
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN`)
	batch.Queue(planOnce)
	batch.Queue(noScan)
	batch.Queue(lockRooms, distinct).Query(func(rows pgx.Rows) error {
		var id [16]byte
		var r room
		_, err := pgx.ForEachRow(rows, []any{&id, &r.lastSeq, &r.closed}, func() error {
			known := r
			f.rooms[uuid.UUID(id)] = &known
			return nil
		})
		return err
	})
	batch.Queue(lookUp, rooms, senders, keys).Query(func(rows pgx.Rows) error {
		var i int64
		var member bool
		var before stored
		_, err := pgx.ForEachRow(rows, []any{&i, &member, &before.seq, &before.content}, func() error {
			f.member[i-1], f.stored[i-1] = member, before
			return nil
		})
		return err
	})
	return f, conn.SendBatch(ctx, batch).Close()
}

// place is what makes a message the same when it is sent again.
type place struct {
	room        uuid.UUID
	sender, key string
}

// assign gives each entry its result, if it can, and returns the messages that are new, with their places in the logs.
func (f *found) assign(entries []*entry) []Message {
	now := time.Now().UTC().Truncate(time.Microsecond) // As precise as PostgreSQL stores it.
	added := make([]Message, 0, len(entries))
	twice := make(map[place]stored, len(entries))
	for i, e := range entries {
		r := f.rooms[e.RoomID]
		e.unknown = false
		switch {
		case r != nil && r.closed:
			e.refuse(errClosed)
			continue
		case r == nil || !f.member[i]:
			if e.asked { // Chat said yes, and then came the event of a leave.
				e.refuse(rooms.ErrNotAMember)
			} else {
				e.unknown = true
			}
			continue
		}
		at := place{e.RoomID, e.SenderID, e.Key}
		before := f.stored[i]
		if before.seq == 0 {
			before = twice[at]
		}
		switch {
		case before.seq == 0:
			r.lastSeq++
			e.Seq, e.SentAt = r.lastSeq, now
			e.result.Seq, e.result.Message = e.Seq, &e.Message
			twice[at] = stored{e.Seq, e.Content}
			added = append(added, e.Message)
		case before.content != e.Content:
			e.refuse(errReused)
		default:
			e.result.Seq = before.seq
		}
	}
	return added
}
