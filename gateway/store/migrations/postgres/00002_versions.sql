-- +goose Up
-- What is announced together has versions: each act on it is a submission that makes the next.
ALTER TABLE submission ADD COLUMN version BIGINT NOT NULL DEFAULT 0; -- of the whole, that it made; 0: none
ALTER TABLE message ADD COLUMN version BIGINT NOT NULL DEFAULT 1; -- of its whole, that it belongs to
ALTER TABLE message ADD COLUMN replaces TEXT NOT NULL DEFAULT ''; -- id of the message whose place it takes
ALTER TABLE arrival ADD COLUMN asks TEXT NOT NULL DEFAULT ''; -- what its sender said beside the document, JSON
ALTER TABLE inbox ADD COLUMN replaces TEXT NOT NULL DEFAULT ''; -- id of its sender's message whose place it takes
CREATE INDEX submission_whole ON submission (route, join_key, commit_no) WHERE message_id <> '';
UPDATE submission SET version = 1 WHERE message_id <> '';
