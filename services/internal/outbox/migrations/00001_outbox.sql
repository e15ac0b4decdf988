-- +goose Up
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    uuid        NOT NULL UNIQUE,
    pubsub      text        NOT NULL,
    topic       text        NOT NULL,
    key         text        NOT NULL,
    data        text        NOT NULL,
    traceparent text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
