-- +goose Up
-- A document that the partner has no room for in one message becomes several, which
-- name one whole: the id of the first of them, from which its parts were numbered.
-- A message of its own is a whole of one part. Submissions name the whole.
ALTER TABLE message ADD COLUMN whole TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN part INTEGER NOT NULL DEFAULT 1;
ALTER TABLE message ADD COLUMN split TEXT NOT NULL DEFAULT ''; -- id of the split that made the part
UPDATE message SET whole = id;
CREATE INDEX message_whole ON message (whole, part);
-- What a partner's messages have in common, as their headers say.
ALTER TABLE inbox ADD COLUMN conversation TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE inbox DROP COLUMN conversation;
DROP INDEX message_whole;
ALTER TABLE message DROP COLUMN split;
ALTER TABLE message DROP COLUMN part;
ALTER TABLE message DROP COLUMN whole;
