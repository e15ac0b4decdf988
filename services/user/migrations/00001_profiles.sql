-- +goose Up

-- The signup saga makes a profile and marks it with its id; the version grows with each change.
CREATE TABLE profiles (
    user_id        text        PRIMARY KEY,
    name           text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 40),
    image_url      text        NOT NULL DEFAULT '' CHECK (image_url = '' OR image_url LIKE 'https://%'),
    locale         text        NOT NULL DEFAULT '',
    status_message text        NOT NULL DEFAULT '' CHECK (char_length(status_message) <= 200),
    version        bigint      NOT NULL DEFAULT 1,
    saga_id        text        NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now()
);
