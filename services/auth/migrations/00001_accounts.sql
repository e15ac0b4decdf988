-- +goose Up
-- A deleted account stays as a tombstone, so that its id is never given to somebody else.
CREATE TABLE accounts (
    user_id       text        PRIMARY KEY CHECK (user_id ~ '^[a-z0-9][a-z0-9._-]{1,30}[a-z0-9]$'),
    user_name     text        NOT NULL,
    password_hash text        NOT NULL,
    roles         text[]      NOT NULL DEFAULT '{}',
    status        text        NOT NULL CHECK (status IN ('pending', 'active', 'deleted')),
    saga_id       uuid,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX accounts_newest ON accounts (created_at DESC, user_id DESC);

CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    user_id      text        NOT NULL REFERENCES accounts ON DELETE CASCADE,
    user_agent   text        NOT NULL,
    address      text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    -- Whether the state store knows of the revocation.
    told         boolean     NOT NULL DEFAULT false
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_untold ON sessions (revoked_at) WHERE revoked_at IS NOT NULL AND NOT told;

-- Only hashes: who reads this table can't use what is in it.
CREATE TABLE refresh_tokens (
    hash        bytea       PRIMARY KEY,
    session_id  uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    replaced_at timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE TABLE signing_keys (
    id          text        PRIMARY KEY,
    public      bytea       NOT NULL,
    sealed      bytea       NOT NULL,
    active_from timestamptz NOT NULL
);

-- The theoretical arrival time of each limit's next attempt.
CREATE TABLE limits (
    bucket text        PRIMARY KEY,
    tat    timestamptz NOT NULL
);

CREATE TABLE sagas (
    id          uuid        PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('signup', 'deletion')),
    strict      boolean     NOT NULL,
    user_id     text        NOT NULL,
    user_name   text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    deadline    timestamptz NOT NULL,
    -- running, undoing (a strict signup that failed), finished
    state       text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'undoing', 'finished'))
);
CREATE INDEX sagas_newest ON sagas (created_at DESC, id DESC);
CREATE INDEX sagas_open ON sagas (deadline) WHERE state <> 'finished';
