-- +goose Up
ALTER TABLE accounts ADD COLUMN profile_version bigint NOT NULL DEFAULT 0;

-- What makes a repetition of a signup harmless; empty for none.
ALTER TABLE sagas ADD COLUMN key text NOT NULL DEFAULT '';
CREATE INDEX sagas_user ON sagas (user_id);
