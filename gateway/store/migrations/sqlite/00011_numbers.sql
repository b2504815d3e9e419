-- +goose Up
-- Blocks of numbers that an administration's own system has allocated to lists of an office. No two of
-- a series overlap, and the numbers of one are taken in their order.
CREATE TABLE number_block (
    office         TEXT NOT NULL, -- key
    first          TEXT NOT NULL,
    series         TEXT NOT NULL, -- what its numbers have in common: what stands before the digits at their ends, and how many these are
    size           INTEGER NOT NULL,
    taken          INTEGER NOT NULL, -- how many were, from the first
    handed_over    TEXT NOT NULL,
    handed_over_by TEXT NOT NULL,
    commit_no      INTEGER NOT NULL,
    PRIMARY KEY (series, first)
) WITHOUT ROWID;
CREATE INDEX number_block_left ON number_block (office, handed_over, first) WHERE taken < size;
CREATE INDEX number_block_office ON number_block (office, handed_over, series, first);

-- Which message has taken a number. None takes it again.
CREATE TABLE number_use (
    number     TEXT NOT NULL,
    office     TEXT NOT NULL, -- key
    message_id TEXT NOT NULL,
    taken      TEXT NOT NULL,
    commit_no  INTEGER NOT NULL,
    PRIMARY KEY (number)
) WITHOUT ROWID;
CREATE INDEX number_use_office ON number_use (office, commit_no, number);

-- +goose Down
DROP TABLE number_use;
DROP TABLE number_block;
