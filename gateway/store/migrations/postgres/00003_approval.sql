-- +goose Up
-- What a supervisor decided on a submission that needs an approval: on these very bytes.
CREATE TABLE approval (
    office    TEXT COLLATE "C" NOT NULL,
    id_key    TEXT COLLATE "C" NOT NULL,
    digest    BYTEA NOT NULL, -- of the bytes that it was given for
    approved  BOOLEAN NOT NULL,
    caller    TEXT NOT NULL,
    reason    TEXT NOT NULL,
    at        TEXT NOT NULL,
    commit_no BIGINT NOT NULL,
    PRIMARY KEY (office, id_key, digest)
);

-- What a held submission waits for the departure of: what that can be found by.
CREATE TABLE awaited (
    office TEXT COLLATE "C" NOT NULL,
    id_key TEXT COLLATE "C" NOT NULL,
    kind   TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (office, id_key, kind, folded)
);
CREATE INDEX awaited_by ON awaited (folded, kind, office, id_key);

ALTER TABLE movement ADD COLUMN due TEXT COLLATE "C" NOT NULL DEFAULT ''; -- when what it waits for is overdue; empty: it waits for nothing
CREATE INDEX movement_due ON movement (due, id_key) WHERE due <> '';

-- +goose Down
DROP INDEX movement_due;
ALTER TABLE movement DROP COLUMN due;
DROP TABLE awaited;
DROP TABLE approval;
