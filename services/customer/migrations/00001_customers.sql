-- +goose Up

-- The signup saga makes a customer and marks it with its id. One who left keeps the row, without the name, for the books.
CREATE TABLE customers (
    user_id         text        PRIMARY KEY,
    user_name       text        NOT NULL,
    balance         bigint      NOT NULL DEFAULT 0,
    profile_version bigint      NOT NULL DEFAULT 0,
    saga_id         text        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT balance_not_negative CHECK (balance >= 0),
    CONSTRAINT balance_in_range CHECK (balance <= 1000000000000000)
);

-- What was booked, in the order of seq; rows are never changed. An event is booked once.
CREATE TABLE transactions (
    id            uuid        PRIMARY KEY,
    seq           bigint      GENERATED ALWAYS AS IDENTITY,
    user_id       text        NOT NULL REFERENCES customers ON DELETE CASCADE,
    event_id      text        NOT NULL CONSTRAINT event_booked_once UNIQUE,
    amount        bigint      NOT NULL CHECK (amount <> 0),
    balance_after bigint      NOT NULL CHECK (balance_after >= 0),
    reason        text        NOT NULL,
    booked_by     text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX transactions_of_user ON transactions (user_id, seq);
