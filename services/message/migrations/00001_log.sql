-- +goose Up
-- The last sequence number of each room. A row is locked while messages are appended to its room.
CREATE TABLE rooms (
    room_id  uuid    PRIMARY KEY,
    last_seq bigint  NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
    closed   boolean NOT NULL DEFAULT false
);

-- The log of each room: seq is 1, 2, 3, … without a gap.
CREATE TABLE messages (
    room_id     uuid        NOT NULL REFERENCES rooms,
    seq         bigint      NOT NULL CHECK (seq > 0),
    type        text        NOT NULL CHECK (type IN ('MESSAGE', 'ENTER', 'LEAVE')),
    sender_id   text        NOT NULL,
    sender_name text        NOT NULL,
    content     text        NOT NULL,
    key         text        NOT NULL,
    sent_at     timestamptz NOT NULL,
    PRIMARY KEY (room_id, seq),
    UNIQUE (room_id, sender_id, key)
);

-- Who is a member of which room, as chat has told or answered. The version grows with each change of a membership; told is that of the
-- last change that an event told of.
CREATE TABLE members (
    room_id uuid    NOT NULL,
    user_id text    NOT NULL,
    member  boolean NOT NULL,
    version bigint  NOT NULL,
    told    bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (room_id, user_id)
);
