-- +goose Up
CREATE TABLE inbox (
    event_id   text        NOT NULL,
    topic      text        NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, topic)
);
CREATE INDEX inbox_handled_at ON inbox (handled_at);
