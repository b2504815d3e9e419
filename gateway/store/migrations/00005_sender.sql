-- +goose Up
-- A message id belongs to its sender: two administrations may use the same.
CREATE TABLE inbox_by_sender (
    id               TEXT NOT NULL,
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
    commit_no        INTEGER NOT NULL,
    conversation     TEXT NOT NULL,      -- what a partner's messages have in common, as their headers say
    PRIMARY KEY (sender, id)
);
INSERT INTO inbox_by_sender (id, sender, kind, document_id, state, received, expected_arrival, late_by, payload_digest, canonical,
        canonical_digest, mapping, faults, unread, answers, receipt, acknowledged_by, acknowledged_at, movement_id, commit_no, conversation)
    SELECT id, sender, kind, document_id, state, received, expected_arrival, late_by, payload_digest, canonical,
        canonical_digest, mapping, faults, unread, answers, receipt, acknowledged_by, acknowledged_at, movement_id, commit_no, conversation
    FROM inbox;
DROP TABLE inbox;
ALTER TABLE inbox_by_sender RENAME TO inbox;
CREATE INDEX inbox_commit ON inbox (commit_no);
CREATE INDEX inbox_id ON inbox (id);
CREATE INDEX inbox_uuid ON inbox (id COLLATE NOCASE, sender);
CREATE INDEX inbox_document ON inbox (document_id, sender);
CREATE INDEX inbox_document_uuid ON inbox (document_id COLLATE NOCASE, sender);

-- +goose Down
DROP INDEX inbox_document_uuid;
DROP INDEX inbox_document;
DROP INDEX inbox_uuid;
DROP INDEX inbox_id;
CREATE INDEX inbox_document ON inbox (document_id);
CREATE INDEX inbox_uuid ON inbox (id COLLATE NOCASE);
CREATE INDEX inbox_document_uuid ON inbox (document_id COLLATE NOCASE);
