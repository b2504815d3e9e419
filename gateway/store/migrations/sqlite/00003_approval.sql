-- +goose Up
-- What a supervisor decided on a submission that needs an approval: on these very bytes.
CREATE TABLE approval (
    office    TEXT NOT NULL,
    id_key    TEXT NOT NULL,
    digest    BLOB NOT NULL, -- of the bytes that it was given for
    approved  BOOLEAN NOT NULL,
    caller    TEXT NOT NULL,
    reason    TEXT NOT NULL,
    at        TEXT NOT NULL,
    commit_no INTEGER NOT NULL,
    PRIMARY KEY (office, id_key, digest)
);

-- What a held submission waits for the departure of: what that can be found by.
CREATE TABLE awaited (
    office TEXT NOT NULL,
    id_key TEXT NOT NULL,
    kind   TEXT NOT NULL,
    folded TEXT NOT NULL,
    PRIMARY KEY (office, id_key, kind, folded)
);
CREATE INDEX awaited_by ON awaited (folded, kind, office, id_key);

ALTER TABLE movement ADD COLUMN due TEXT NOT NULL DEFAULT ''; -- when what it waits for is overdue; empty: it waits for nothing
CREATE INDEX movement_due ON movement (due, id_key) WHERE due <> '';

-- +goose Down
DROP INDEX movement_due;
ALTER TABLE movement DROP COLUMN due;
DROP TABLE awaited;
DROP TABLE approval;
