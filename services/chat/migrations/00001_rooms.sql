-- +goose Up

-- The copy of a user that the signup saga makes.
CREATE TABLE users (
    user_id         text        PRIMARY KEY,
    name            text        NOT NULL,
    saga_id         text        NOT NULL,
    profile_version bigint      NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- An id is a UUIDv7, so that the order of ids is the order of creation. A room that nobody is a member of is deleted.
CREATE TABLE rooms (
    id            uuid        PRIMARY KEY,
    title         text        NOT NULL CHECK (char_length(title) BETWEEN 1 AND 60),
    max_personnel integer     NOT NULL CHECK (max_personnel BETWEEN 1 AND 1000),
    personnel     integer     NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT room_capacity CHECK (personnel BETWEEN 0 AND max_personnel)
);

-- Orders the members of a room by when they joined, whatever the clocks say. The first of them is the host.
CREATE SEQUENCE joins;

-- Who left keeps a row, so that the version of a membership goes on growing when it is taken up again.
CREATE TABLE members (
    room_id   uuid        NOT NULL REFERENCES rooms ON DELETE CASCADE,
    user_id   text        NOT NULL REFERENCES users ON DELETE CASCADE,
    join_no   bigint      NOT NULL DEFAULT nextval('joins'),
    joined_at timestamptz NOT NULL DEFAULT now(),
    left_at   timestamptz,
    version   bigint      NOT NULL DEFAULT 1,
    PRIMARY KEY (room_id, user_id)
);
CREATE UNIQUE INDEX members_of_room ON members (room_id, join_no) WHERE left_at IS NULL;
CREATE INDEX rooms_of_member ON members (user_id, join_no) WHERE left_at IS NULL;

-- Personnel is counted here and nowhere else: it can't differ from the rows, and a row that is one too many fails by room_capacity.
-- +goose StatementBegin
CREATE FUNCTION count_personnel() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change integer := 0;
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.left_at IS NULL THEN
        change := change - 1;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.left_at IS NULL THEN
        change := change + 1;
    END IF;
    IF change <> 0 THEN
        UPDATE rooms SET personnel = personnel + change WHERE id = COALESCE(NEW.room_id, OLD.room_id);
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER count_personnel AFTER INSERT OR DELETE OR UPDATE OF left_at ON members
    FOR EACH ROW EXECUTE FUNCTION count_personnel();

-- What a user asked for with an Idempotency-Key, and the room it made.
CREATE TABLE room_keys (
    user_id       text        NOT NULL REFERENCES users ON DELETE CASCADE,
    key           text        NOT NULL,
    title         text        NOT NULL,
    max_personnel integer     NOT NULL,
    room_id       uuid        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);
CREATE INDEX room_keys_created_at ON room_keys (created_at);
