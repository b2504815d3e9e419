-- +goose Up
-- An arrival that could not be judged for a reason of ours is tried again, and parked
-- after some tries: what went wrong is kept beside it.
ALTER TABLE arrival ADD COLUMN tries INTEGER NOT NULL DEFAULT 0; -- failed judgements
ALTER TABLE arrival ADD COLUMN next_try TEXT NOT NULL DEFAULT ''; -- when it is judged next; empty is at once
ALTER TABLE arrival ADD COLUMN trouble TEXT NOT NULL DEFAULT '';  -- why the last judgement failed
ALTER TABLE arrival ADD COLUMN parked INTEGER NOT NULL DEFAULT 0; -- it waits for an operator
CREATE INDEX arrival_due ON arrival (judged, parked, next_try, commit_no);

-- +goose Down
DROP INDEX arrival_due;
ALTER TABLE arrival DROP COLUMN parked;
ALTER TABLE arrival DROP COLUMN trouble;
ALTER TABLE arrival DROP COLUMN next_try;
ALTER TABLE arrival DROP COLUMN tries;
