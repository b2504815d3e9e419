-- +goose Up
-- What was refused is judged anew when it is submitted again: each judgement is a row.
CREATE TABLE judgement (
    office    TEXT NOT NULL,
    id        TEXT NOT NULL,             -- of the submission
    number    INTEGER NOT NULL,          -- from 1, of the submission
    digest    TEXT NOT NULL,             -- of the bytes that were judged
    state     TEXT NOT NULL,             -- what it came to
    caller    TEXT NOT NULL,             -- who asked for it
    at        TEXT NOT NULL,
    faults    BLOB NOT NULL,             -- JSON array
    commit_no INTEGER NOT NULL,
    PRIMARY KEY (office, id, number)
);
CREATE INDEX judgement_uuid ON judgement (office, id COLLATE NOCASE, number);

-- +goose Down
DROP TABLE judgement;
