-- +goose Up
-- Images and scans: what offices of ours have uploaded (door submit, of a party that is the office), and
-- what is fetched from partners (door peer, of a party that is the administration). What one party has is
-- no other's, be it the same bytes.
CREATE TABLE attachment (
    door       TEXT NOT NULL, -- submit or peer
    party      TEXT NOT NULL, -- office or administration
    digest     BLOB NOT NULL, -- SHA-256 of its bytes
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL, -- in bytes
    received   INTEGER NOT NULL, -- bytes that are on disk, from the first
    state      TEXT NOT NULL, -- coming, here, refused or erased
    reason     TEXT NOT NULL, -- code of why it was refused, or of why the last attempt to fetch it brought nothing
    created    TEXT NOT NULL,
    caller     TEXT NOT NULL, -- who uploads it; empty: nobody does
    message_id TEXT NOT NULL, -- by which it is fetched
    changed    TEXT NOT NULL, -- when it came to its state
    named      BOOLEAN NOT NULL, -- by a message
    until      TEXT NOT NULL, -- when its bytes are erased; empty: there are none
    rule       TEXT NOT NULL, -- that says so
    tries      INTEGER NOT NULL, -- attempts to fetch it that failed, since the last that brought bytes
    next_try   TEXT NOT NULL, -- when it is fetched next; empty is at once
    owner      TEXT NOT NULL, -- who fetches it; empty: nobody, or the one process that there is
    token      INTEGER NOT NULL, -- grows each time that somebody takes it
    commit_no  INTEGER NOT NULL,
    PRIMARY KEY (door, party, digest)
) WITHOUT ROWID;
CREATE INDEX attachment_due ON attachment (owner, party, next_try, digest) WHERE state = 'coming';
CREATE INDEX attachment_over ON attachment (until, door, party, digest) WHERE until <> '';
CREATE INDEX attachment_kept ON attachment (door, party, named, size) WHERE until <> '';

-- Their bytes, in pieces of 256 KiB, of which the last may be shorter.
CREATE TABLE attachment_chunk (
    door   TEXT NOT NULL,
    party  TEXT NOT NULL,
    digest BLOB NOT NULL, -- of the attachment
    number INTEGER NOT NULL, -- from 0
    bytes  BLOB NOT NULL,
    PRIMARY KEY (door, party, digest, number)
);

-- Which messages name them, and how.
CREATE TABLE attachment_use (
    door        TEXT NOT NULL, -- of the attachment
    message_key TEXT NOT NULL,
    party       TEXT NOT NULL, -- of the attachment
    digest      BLOB NOT NULL,
    number      INTEGER NOT NULL, -- its place in the document, from 0
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    media_type  TEXT NOT NULL,
    size        INTEGER NOT NULL,
    denied      TEXT NOT NULL, -- code of why it is not fetched; empty: it is
    until       TEXT NOT NULL, -- as long as it is kept for this message
    handed_over TEXT NOT NULL, -- when the partner was sent its last byte; empty: it was not
    commit_no   INTEGER NOT NULL,
    PRIMARY KEY (door, message_key, party, digest)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE attachment_use;
DROP TABLE attachment_chunk;
DROP TABLE attachment;
