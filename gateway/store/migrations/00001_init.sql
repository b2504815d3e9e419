-- +goose Up
-- Instants are RFC 3339 texts in UTC with nanoseconds, so that they sort; digests
-- are hexadecimal. commit_no is assigned by the writer inside the committing
-- transaction: every cursor reads it.
CREATE TABLE arrival (
    door       TEXT NOT NULL,            -- submit, peer or border
    party      TEXT NOT NULL,            -- office or administration it came from
    id         TEXT NOT NULL,            -- submission id or message id
    caller     TEXT NOT NULL,
    media_type TEXT NOT NULL,
    recipients TEXT NOT NULL,            -- JSON array
    header     BLOB,
    signature  BLOB,
    content    BLOB NOT NULL,
    digest     TEXT NOT NULL,
    received   TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    judged     INTEGER NOT NULL,
    receipt    BLOB,                     -- signed RCV, JSON
    commit_no  INTEGER NOT NULL,
    PRIMARY KEY (door, party, id)
);
CREATE INDEX arrival_unjudged ON arrival (judged, commit_no);

CREATE TABLE submission (
    office     TEXT NOT NULL,
    id         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    state      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    received   TEXT NOT NULL,
    digest     TEXT NOT NULL,
    batch      TEXT NOT NULL,
    document_id TEXT NOT NULL,
    mapping    TEXT NOT NULL,
    route      TEXT NOT NULL,
    part       TEXT NOT NULL,
    join_key   TEXT NOT NULL,
    waits_for  TEXT NOT NULL,            -- JSON array
    expires    TEXT NOT NULL,
    message_id TEXT NOT NULL,
    faults     BLOB NOT NULL,            -- JSON array
    canonical  BLOB,
    commit_no  INTEGER NOT NULL,
    PRIMARY KEY (office, id)
);
CREATE INDEX submission_commit ON submission (commit_no);
CREATE INDEX submission_held ON submission (state, route, join_key);
CREATE INDEX submission_message ON submission (message_id);
CREATE INDEX submission_expires ON submission (state, expires);

CREATE TABLE message (
    id               TEXT PRIMARY KEY,
    route            TEXT NOT NULL,
    kind             TEXT NOT NULL,
    recipient        TEXT NOT NULL,
    sequence         INTEGER NOT NULL,   -- the commit that created it
    conversation     TEXT NOT NULL,
    chain            TEXT NOT NULL,      -- the original message's id: order is kept within it
    document_id      TEXT NOT NULL,
    state            TEXT NOT NULL,
    reason           TEXT NOT NULL,
    created          TEXT NOT NULL,
    expected_arrival TEXT NOT NULL,
    late_by          INTEGER NOT NULL,
    valid_until      TEXT NOT NULL,
    header           BLOB NOT NULL,
    signature        BLOB NOT NULL,
    payload          BLOB NOT NULL,
    payload_digest   TEXT NOT NULL,
    canonical        BLOB NOT NULL,      -- the released document that was encoded
    canonical_digest TEXT NOT NULL,
    mapping          TEXT NOT NULL,
    mapping_digest   TEXT NOT NULL,
    schema_digest    TEXT NOT NULL,
    attempts         INTEGER NOT NULL,
    next_attempt     TEXT NOT NULL,
    last_error       TEXT NOT NULL,
    receipt          BLOB,               -- signed statement, JSON
    answers          BLOB NOT NULL,      -- JSON array
    commit_no        INTEGER NOT NULL
);
CREATE INDEX message_document ON message (document_id);
CREATE INDEX message_due ON message (recipient, state, next_attempt);
CREATE INDEX message_chain ON message (chain, sequence);

-- What has been announced: the same batch and waybill under a new id is told so.
CREATE TABLE announced (
    route      TEXT NOT NULL,
    subject    TEXT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (route, subject)
);

CREATE TABLE inbox (
    id               TEXT PRIMARY KEY,
    sender           TEXT NOT NULL,
    kind             TEXT NOT NULL,
    document_id      TEXT NOT NULL,
    state            TEXT NOT NULL,
    received         TEXT NOT NULL,
    expected_arrival TEXT NOT NULL,
    late_by          INTEGER NOT NULL,
    payload_digest   TEXT NOT NULL,
    canonical        BLOB,
    canonical_digest TEXT NOT NULL,
    mapping          TEXT NOT NULL,
    faults           BLOB NOT NULL,
    unread           BLOB NOT NULL,
    answers          BLOB NOT NULL,      -- ids of documents answered, JSON array
    receipt          BLOB NOT NULL,      -- signed statement, JSON
    acknowledged_by  TEXT NOT NULL,
    acknowledged_at  TEXT NOT NULL,
    movement_id      TEXT NOT NULL,
    commit_no        INTEGER NOT NULL
);
CREATE INDEX inbox_commit ON inbox (commit_no);
CREATE INDEX inbox_document ON inbox (document_id);

CREATE TABLE movement (
    id        TEXT PRIMARY KEY,
    opened    TEXT NOT NULL,
    body      BLOB NOT NULL,             -- JSON
    commit_no INTEGER NOT NULL
);
CREATE TABLE movement_identifier (
    movement_id TEXT NOT NULL,
    kind        TEXT NOT NULL,
    folded      TEXT NOT NULL,
    PRIMARY KEY (movement_id, kind, folded)
);
CREATE INDEX movement_identifier_folded ON movement_identifier (folded, kind);

-- Digests only, never payload or personal data.
CREATE TABLE audit (
    commit_no INTEGER NOT NULL,
    ordinal   INTEGER NOT NULL,          -- within the commit
    at        TEXT NOT NULL,
    actor     TEXT NOT NULL,
    event     TEXT NOT NULL,
    subject   TEXT NOT NULL,
    digest    TEXT NOT NULL,
    PRIMARY KEY (commit_no, ordinal)
);

-- +goose Down
DROP TABLE audit;
DROP TABLE movement_identifier;
DROP TABLE movement;
DROP TABLE inbox;
DROP TABLE announced;
DROP TABLE message;
DROP TABLE submission;
DROP TABLE arrival;
