-- +goose Up
-- A message waits the longer the more often it was tried since it last got on, and is
-- parked when it cannot be handed over for a reason of ours: its state stays what the
-- partner can know of it.
ALTER TABLE message ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;    -- attempts since the last receipt of another verdict
ALTER TABLE message ADD COLUMN troubles INTEGER NOT NULL DEFAULT 0; -- attempts that failed for a reason of its own here, one after the other
ALTER TABLE message ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;   -- it waits for an operator, until its validity is over
-- Who is next, in order, however many wait.
DROP INDEX message_due;
CREATE INDEX message_turn ON message (recipient, next_attempt, sequence) WHERE state IN ('queued', 'sent', 'received');
CREATE INDEX message_parked ON message (parked, commit_no);

-- +goose Down
DROP INDEX message_parked;
DROP INDEX message_turn;
CREATE INDEX message_due ON message (recipient, state, next_attempt);
ALTER TABLE message DROP COLUMN parked;
ALTER TABLE message DROP COLUMN troubles;
ALTER TABLE message DROP COLUMN tries;
