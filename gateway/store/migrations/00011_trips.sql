-- +goose Up
-- A plate finds the trips around a time, however many there were before.
ALTER TABLE movement ADD COLUMN first_time TEXT NOT NULL DEFAULT '';
ALTER TABLE movement ADD COLUMN last_time TEXT NOT NULL DEFAULT '';
ALTER TABLE movement_identifier ADD COLUMN first_time TEXT NOT NULL DEFAULT '';         -- of the movement
ALTER TABLE movement_identifier ADD COLUMN last_time TEXT NOT NULL DEFAULT '9999';      -- not known: whatever the time
DROP INDEX movement_identifier_folded;
CREATE INDEX movement_identifier_folded ON movement_identifier (folded, last_time, first_time, kind);
-- The batch that the header of a partner's message names.
ALTER TABLE inbox ADD COLUMN batch TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE inbox DROP COLUMN batch;
DROP INDEX movement_identifier_folded;
CREATE INDEX movement_identifier_folded ON movement_identifier (folded, kind);
ALTER TABLE movement_identifier DROP COLUMN last_time;
ALTER TABLE movement_identifier DROP COLUMN first_time;
ALTER TABLE movement DROP COLUMN last_time;
ALTER TABLE movement DROP COLUMN first_time;
