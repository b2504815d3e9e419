-- +goose Up
-- What posts have looked for and opened beyond their routes, and why: for their supervisors.
CREATE TABLE supervised (
    leaf     INTEGER PRIMARY KEY, -- of the audit trail, that tells of it
    office   TEXT NOT NULL, -- its key
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL, -- searched, opened, recorded
    caller   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    movement TEXT NOT NULL, -- that was opened; empty for a search
    subject  TEXT NOT NULL -- what was looked for, or the record
);
CREATE INDEX supervised_office ON supervised (office, at, leaf);
CREATE INDEX supervised_caller ON supervised (caller, kind, at);

-- +goose Down
DROP TABLE supervised;
