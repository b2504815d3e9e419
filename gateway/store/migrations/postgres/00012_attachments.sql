-- +goose Up
-- Images and scans: what offices of ours have uploaded (door submit, of a party that is the office), and
-- what is fetched from partners (door peer, of a party that is the administration). What one party has is
-- no other's, be it the same bytes.
CREATE TABLE attachment (
    door       TEXT COLLATE "C" NOT NULL, -- submit or peer
    party      TEXT COLLATE "C" NOT NULL, -- office or administration
    digest     BYTEA NOT NULL, -- SHA-256 of its bytes
    media_type TEXT NOT NULL,
    size       BIGINT NOT NULL, -- in bytes
    received   BIGINT NOT NULL, -- bytes that are on disk, from the first
    state      TEXT COLLATE "C" NOT NULL, -- coming, here, refused or erased
    reason     TEXT NOT NULL, -- code of why it was refused, or of why the last attempt to fetch it brought nothing
    created    TEXT COLLATE "C" NOT NULL,
    caller     TEXT NOT NULL, -- who uploads it; empty: nobody does
    message_id TEXT NOT NULL, -- by which it is fetched
    changed    TEXT COLLATE "C" NOT NULL, -- when it came to its state
    named      BOOLEAN NOT NULL, -- by a message
    until      TEXT COLLATE "C" NOT NULL, -- when its bytes are erased; empty: there are none
    rule       TEXT NOT NULL, -- that says so
    tries      BIGINT NOT NULL, -- attempts to fetch it that failed, since the last that brought bytes
    next_try   TEXT COLLATE "C" NOT NULL, -- when it is fetched next; empty is at once
    owner      TEXT COLLATE "C" NOT NULL, -- who fetches it; empty: nobody, or the one process that there is
    token      BIGINT NOT NULL, -- grows each time that somebody takes it
    commit_no  BIGINT NOT NULL,
    PRIMARY KEY (door, party, digest)
);
CREATE INDEX attachment_due ON attachment (owner, party, next_try, digest) WHERE state = 'coming';
CREATE INDEX attachment_over ON attachment (until, door, party, digest) WHERE until <> '';
CREATE INDEX attachment_kept ON attachment (door, party, named, size) WHERE until <> '';

-- Their bytes, in pieces of 256 KiB, of which the last may be shorter.
CREATE TABLE attachment_chunk (
    door   TEXT COLLATE "C" NOT NULL,
    party  TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL, -- of the attachment
    number BIGINT NOT NULL, -- from 0
    bytes  BYTEA NOT NULL,
    PRIMARY KEY (door, party, digest, number)
);

-- Which messages name them, and how.
CREATE TABLE attachment_use (
    door        TEXT COLLATE "C" NOT NULL, -- of the attachment
    message_key TEXT COLLATE "C" NOT NULL,
    party       TEXT COLLATE "C" NOT NULL, -- of the attachment
    digest      BYTEA NOT NULL,
    number      BIGINT NOT NULL, -- its place in the document, from 0
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    media_type  TEXT NOT NULL,
    size        BIGINT NOT NULL,
    denied      TEXT NOT NULL, -- code of why it is not fetched; empty: it is
    until       TEXT COLLATE "C" NOT NULL, -- as long as it is kept for this message
    handed_over TEXT COLLATE "C" NOT NULL, -- when the partner was sent its last byte; empty: it was not
    commit_no   BIGINT NOT NULL,
    PRIMARY KEY (door, message_key, party, digest)
);

-- +goose Down
DROP TABLE attachment_use;
DROP TABLE attachment_chunk;
DROP TABLE attachment;
