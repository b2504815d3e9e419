-- +goose Up
-- Why a post that is not on a movement's route opens it.
ALTER TABLE arrival ADD COLUMN reason TEXT NOT NULL DEFAULT '';
-- What waits for a verdict, to be counted: as small as the queue.
CREATE INDEX message_waiting ON message (recipient, route, state, created) WHERE state IN ('queued', 'sent', 'received');

-- +goose Down
DROP INDEX message_waiting;
ALTER TABLE arrival DROP COLUMN reason;
