-- +goose Up
CREATE TABLE copies (user_id text PRIMARY KEY);
