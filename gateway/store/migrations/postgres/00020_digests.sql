-- +goose Up
-- Each row says what it holds: the first 8 bytes of a SHA-256 over its columns, but those that say which
-- process works on it and where it stands in a list. A bit that fell over is found when the row is read. A row
-- of before has none, 0, until it is written again; a migration that changes a row takes its digest away.
ALTER TABLE arrival ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE judging ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE submission ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE judgement ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE approval ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ruling ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE receipt ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE settlement ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE announced ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE registered ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscription ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE handout ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE number_block ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE number_use ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE movement ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE movement_office ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE balance ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE supervised ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE kept ADD COLUMN row_digest BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE arrival DROP COLUMN row_digest;
ALTER TABLE judging DROP COLUMN row_digest;
ALTER TABLE submission DROP COLUMN row_digest;
ALTER TABLE judgement DROP COLUMN row_digest;
ALTER TABLE approval DROP COLUMN row_digest;
ALTER TABLE ruling DROP COLUMN row_digest;
ALTER TABLE message DROP COLUMN row_digest;
ALTER TABLE delivery DROP COLUMN row_digest;
ALTER TABLE receipt DROP COLUMN row_digest;
ALTER TABLE settlement DROP COLUMN row_digest;
ALTER TABLE announced DROP COLUMN row_digest;
ALTER TABLE registered DROP COLUMN row_digest;
ALTER TABLE inbox DROP COLUMN row_digest;
ALTER TABLE subscription DROP COLUMN row_digest;
ALTER TABLE handout DROP COLUMN row_digest;
ALTER TABLE number_block DROP COLUMN row_digest;
ALTER TABLE number_use DROP COLUMN row_digest;
ALTER TABLE movement DROP COLUMN row_digest;
ALTER TABLE movement_office DROP COLUMN row_digest;
ALTER TABLE balance DROP COLUMN row_digest;
ALTER TABLE audit DROP COLUMN row_digest;
ALTER TABLE supervised DROP COLUMN row_digest;
ALTER TABLE kept DROP COLUMN row_digest;
