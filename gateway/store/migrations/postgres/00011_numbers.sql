-- +goose Up
-- Blocks of numbers that an administration's own system has allocated to lists of an office. No two of
-- a series overlap, and the numbers of one are taken in their order.
CREATE TABLE number_block (
    office         TEXT COLLATE "C" NOT NULL, -- key
    first          TEXT COLLATE "C" NOT NULL,
    series         TEXT COLLATE "C" NOT NULL, -- what its numbers have in common: what stands before the digits at their ends, and how many these are
    size           BIGINT NOT NULL,
    taken          BIGINT NOT NULL, -- how many were, from the first
    handed_over    TEXT COLLATE "C" NOT NULL,
    handed_over_by TEXT NOT NULL,
    commit_no      BIGINT NOT NULL,
    PRIMARY KEY (series, first)
);
CREATE INDEX number_block_left ON number_block (office, handed_over, first) WHERE taken < size;
CREATE INDEX number_block_office ON number_block (office, handed_over, series, first);

-- Which message has taken a number. None takes it again.
CREATE TABLE number_use (
    number     TEXT COLLATE "C" NOT NULL,
    office     TEXT COLLATE "C" NOT NULL, -- key
    message_id TEXT NOT NULL,
    taken      TEXT COLLATE "C" NOT NULL,
    commit_no  BIGINT NOT NULL,
    PRIMARY KEY (number)
);
CREATE INDEX number_use_office ON number_use (office, commit_no, number);

-- +goose Down
DROP TABLE number_use;
DROP TABLE number_block;
