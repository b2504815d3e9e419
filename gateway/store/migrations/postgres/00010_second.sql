-- +goose Up
-- A submission that goes to two addressees is judged for each: what it is to the second stands
-- beside it under an id of its own, and names it.
ALTER TABLE arrival ADD COLUMN second_of TEXT COLLATE "C" NOT NULL DEFAULT ''; -- id of the submission that this is to its second addressee; empty: none
ALTER TABLE submission ADD COLUMN second_of TEXT COLLATE "C" NOT NULL DEFAULT ''; -- likewise
ALTER TABLE submission ADD COLUMN second_key TEXT COLLATE "C" NOT NULL DEFAULT ''; -- of that id
CREATE INDEX submission_second ON submission (office, second_key) WHERE second_key <> '';

-- +goose Down
DROP INDEX submission_second;
ALTER TABLE submission DROP COLUMN second_key;
ALTER TABLE submission DROP COLUMN second_of;
ALTER TABLE arrival DROP COLUMN second_of;
