-- +goose Up
-- What a supervisor ruled on a text of a submission in which a withheld price was found: on this very
-- text, in what these very bytes come to.
CREATE TABLE ruling (
    office      TEXT COLLATE "C" NOT NULL,
    id_key      TEXT COLLATE "C" NOT NULL,
    digest      BYTEA NOT NULL, -- of the bytes that were submitted, and what was said beside them
    text_digest BYTEA NOT NULL,
    verdict     TEXT NOT NULL,
    replacement TEXT NOT NULL, -- what travels in its place; empty: the text itself, or nothing
    caller      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    at          TEXT NOT NULL,
    commit_no   BIGINT NOT NULL,
    PRIMARY KEY (office, id_key, digest, text_digest)
);

-- What has crossed between two offices in a month, by what went before it.
CREATE TABLE crossing (
    id_key       TEXT COLLATE "C" PRIMARY KEY, -- of the movement
    month        TEXT COLLATE "C" NOT NULL,    -- 2026-03, where it arrived
    exit_office  TEXT COLLATE "C" NOT NULL,    -- administration and code
    entry_office TEXT COLLATE "C" NOT NULL,
    basis        TEXT COLLATE "C" NOT NULL,    -- what announced it; empty: nothing
    inspected    TEXT COLLATE "C" NOT NULL,    -- how its inspection was taken; empty: none is known
    commit_no    BIGINT NOT NULL
);
CREATE INDEX crossing_month ON crossing (month, exit_office, entry_office, basis, inspected);

-- All movements are looked at again, and those that have crossed are counted.
UPDATE movement SET due = '0001-01-01T00:00:00.000000000Z';

-- +goose Down
DROP TABLE crossing;
DROP TABLE ruling;
