-- +goose Up
-- What posts have looked for and opened beyond their routes, and why: for their supervisors.
CREATE TABLE supervised (
    leaf     BIGINT PRIMARY KEY, -- of the audit trail, that tells of it
    office   TEXT COLLATE "C" NOT NULL, -- its key
    at       TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL, -- searched, opened, recorded
    caller   TEXT COLLATE "C" NOT NULL,
    reason   TEXT COLLATE "C" NOT NULL,
    movement TEXT COLLATE "C" NOT NULL, -- that was opened; empty for a search
    subject  TEXT COLLATE "C" NOT NULL -- what was looked for, or the record
);
CREATE INDEX supervised_office ON supervised (office, at, leaf);
CREATE INDEX supervised_caller ON supervised (caller, kind, at);

-- +goose Down
DROP TABLE supervised;
