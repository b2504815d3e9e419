-- +goose Up
-- Instants are RFC 3339 texts in UTC with nanoseconds, so that they sort; digests are
-- SHA-256, 32 bytes. commit_no is assigned by the writer inside the committing transaction:
-- every cursor reads it. A column named ..._key holds the id beside it as it is sought, a
-- UUID in small letters (RFC 9562); the id stays as received.
CREATE TABLE numbers (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    commit_no INTEGER NOT NULL,           -- the last
    leaf      INTEGER NOT NULL,           -- how many audit rows there are
    trials    INTEGER NOT NULL,           -- how often it was tried whether anything can be written
    moved     BOOLEAN NOT NULL           -- the records have another place now: nobody commits here any more
);
INSERT INTO numbers (one, commit_no, leaf, trials, moved) VALUES (1, 0, 0, 0, FALSE);

-- Whose database it is; one row once it is known.
CREATE TABLE owner (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    administration TEXT NOT NULL
);

-- The processes that work on what stands here, where several may: each as long as its lease
-- lasts, by the database's clock. Work whose owner has none is taken over by the others.
CREATE TABLE lease (
    owner TEXT PRIMARY KEY,
    until INTEGER NOT NULL            -- milliseconds since 1970
);

-- What this database is while no gateway works on it: a copy that is being made, or a
-- backup. One row, or none.
CREATE TABLE copied (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    state  TEXT NOT NULL,                -- copying or backup
    source BLOB NOT NULL,              -- digest that names the state of the place it is of
    at     TEXT NOT NULL,                -- when that was read
    digest BLOB                        -- of all records, once it is whole
);

-- Each time this database was restored from a backup.
CREATE TABLE restoration (
    number    INTEGER PRIMARY KEY,        -- from 1
    backup    TEXT NOT NULL,             -- when the backup was made
    at        TEXT NOT NULL,
    commit_no INTEGER NOT NULL,           -- the last that the backup held
    digest    BLOB NOT NULL            -- of its records
);

-- How far the exchange with a partner has been balanced with it.
CREATE TABLE balance (
    partner  TEXT PRIMARY KEY, -- administration
    restored INTEGER NOT NULL,            -- how many restorations it covers
    upto     TEXT NOT NULL,              -- what both did before is balanced, by the partner's clock
    at       TEXT NOT NULL,              -- when the last one ended
    compared INTEGER NOT NULL             -- messages in the last one
);

-- What two gateways say differently of a message.
CREATE TABLE difference (
    partner   TEXT NOT NULL,
    sent      BOOLEAN NOT NULL,          -- by us; else by the partner
    id_key    TEXT NOT NULL,
    id        TEXT NOT NULL,
    code      TEXT NOT NULL,
    ours      BLOB,                    -- digest of the payload, as we have it
    theirs    BLOB,
    verdict   TEXT NOT NULL,             -- that we know of
    says      TEXT NOT NULL,             -- the verdict that the partner knows of
    kind      TEXT NOT NULL,             -- as the partner says that the header says
    document_id TEXT NOT NULL,
    batch     TEXT NOT NULL,
    statement BLOB,                    -- digest of the partner's signed statement, JSON
    found     TEXT NOT NULL,
    settled   TEXT NOT NULL, -- when it was so no more; empty until then
    commit_no INTEGER NOT NULL,
    PRIMARY KEY (partner, sent, id_key)
);
CREATE INDEX difference_open ON difference (partner, commit_no, sent, id_key) WHERE settled = '';

-- Documents, once each, by their digest: never changed, apart from what changes.
CREATE TABLE content (
    digest BLOB PRIMARY KEY,
    bytes  BLOB NOT NULL
);

CREATE TABLE arrival (
    door       TEXT NOT NULL, -- submit, peer or border
    party      TEXT NOT NULL, -- office or administration it came from
    id_key     TEXT NOT NULL,
    id         TEXT NOT NULL, -- submission id or message id
    caller     TEXT NOT NULL,
    media_type TEXT NOT NULL,
    recipients TEXT NOT NULL,            -- JSON array
    header     BLOB,
    signature  BLOB,
    content    BLOB,                    -- digest; none of nothing
    digest     BLOB,                    -- as its sender or the door says
    received   TEXT NOT NULL,
    receipt    BLOB,                    -- signed RCV, JSON
    reason     TEXT NOT NULL,            -- stated for opening a movement of others
    PRIMARY KEY (door, party, id_key)
);
-- Only what a partner sent has a header.
CREATE INDEX arrival_peer ON arrival (party, received, id_key) WHERE header IS NOT NULL;

-- How far the judgement of an arrival has come.
CREATE TABLE judging (
    door      TEXT NOT NULL,
    party     TEXT NOT NULL,
    id_key    TEXT NOT NULL,
    attempts  INTEGER NOT NULL,           -- how often it came
    judged    BOOLEAN NOT NULL,
    tries     INTEGER NOT NULL,           -- failed judgements
    next_try  TEXT NOT NULL, -- when it is judged next; empty is at once
    trouble   TEXT NOT NULL,             -- why the last judgement failed
    parked    BOOLEAN NOT NULL,          -- it waits for an operator
    owner     TEXT NOT NULL, -- who judges it; empty: nobody, or the one process that there is
    token     INTEGER NOT NULL,           -- grows each time that somebody takes it
    commit_no INTEGER NOT NULL,
    PRIMARY KEY (door, party, id_key)
) WITHOUT ROWID;
CREATE INDEX judging_due ON judging (owner, next_try, commit_no) WHERE NOT judged AND NOT parked;
CREATE INDEX judging_trouble ON judging (commit_no, door, party, id_key) WHERE NOT judged AND trouble <> '';
CREATE INDEX judging_trouble_id ON judging (id_key, commit_no) WHERE NOT judged AND trouble <> '';

CREATE TABLE submission (
    office       TEXT NOT NULL,
    id_key       TEXT NOT NULL,
    id           TEXT NOT NULL,
    kind         TEXT NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    received     TEXT NOT NULL,
    digest       BLOB,
    batch        TEXT NOT NULL,
    batch_key    TEXT NOT NULL,
    document_id  TEXT NOT NULL,
    mapping      TEXT NOT NULL,
    route        TEXT NOT NULL,
    part         TEXT NOT NULL,
    join_key     TEXT NOT NULL,
    waits_for    TEXT NOT NULL,          -- JSON array
    expires      TEXT NOT NULL,
    message_id   TEXT NOT NULL, -- the whole it became or was joined into
    faults       BLOB,                  -- digest of a JSON array
    canonical    BLOB,                  -- digest
    commit_no    INTEGER NOT NULL,
    PRIMARY KEY (office, id_key)
) WITHOUT ROWID;
CREATE INDEX submission_commit ON submission (office, commit_no, id);
CREATE INDEX submission_state ON submission (office, state, commit_no, id);
CREATE INDEX submission_batch ON submission (office, batch_key, commit_no, id) WHERE batch_key <> '';
CREATE INDEX submission_held ON submission (route, join_key, commit_no) WHERE state = 'held';
CREATE INDEX submission_expires ON submission (expires) WHERE state = 'held' AND expires <> '';
CREATE INDEX submission_message ON submission (message_id, part, id) WHERE message_id <> '';

-- What was refused is judged anew when it is submitted again: each judgement is a row.
CREATE TABLE judgement (
    office    TEXT NOT NULL,
    id_key    TEXT NOT NULL,
    number    INTEGER NOT NULL, -- from 1, of the submission
    id        TEXT NOT NULL,
    digest    BLOB,            -- of the bytes that were judged
    state     TEXT NOT NULL,   -- what it came to
    caller    TEXT NOT NULL,   -- who asked for it
    at        TEXT NOT NULL,
    faults    BLOB,            -- digest of a JSON array
    commit_no INTEGER NOT NULL,
    PRIMARY KEY (office, id_key, number)
) WITHOUT ROWID;

-- What does not change of an outgoing message.
CREATE TABLE message (
    id_key           TEXT PRIMARY KEY,
    id               TEXT NOT NULL,
    route            TEXT NOT NULL,
    kind             TEXT NOT NULL,
    conversation     TEXT NOT NULL,
    document_id      TEXT NOT NULL,
    document_key     TEXT NOT NULL,
    created          TEXT NOT NULL,
    expected_arrival TEXT NOT NULL,
    late_by          INTEGER NOT NULL,    -- nanoseconds
    valid_until      TEXT NOT NULL,
    header           BLOB,
    signature        BLOB,
    payload          BLOB,              -- digest
    payload_size     INTEGER NOT NULL,    -- in bytes
    payload_digest   BLOB,              -- as it is signed
    canonical        BLOB,              -- digest of the released document that was encoded
    canonical_digest BLOB,              -- of its RFC 8785 form
    mapping          TEXT NOT NULL,
    mapping_digest   BLOB,
    schema_digest    BLOB,
    whole            TEXT NOT NULL, -- the first message made of the same submissions
    whole_key        TEXT NOT NULL,
    part             INTEGER NOT NULL,    -- which of them, from 1
    split            TEXT NOT NULL       -- id of the split that made them several
);
CREATE INDEX message_document ON message (document_key) WHERE document_key <> '';
CREATE INDEX message_whole ON message (whole_key, part);

-- How far the delivery of a message has come.
CREATE TABLE delivery (
    id_key       TEXT PRIMARY KEY,
    recipient    TEXT NOT NULL,
    chain        TEXT NOT NULL, -- the original message's id: order is kept within it
    sequence     INTEGER NOT NULL,        -- the commit that created it
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    tries        INTEGER NOT NULL,        -- attempts since the last receipt of another verdict
    troubles     INTEGER NOT NULL,        -- attempts that failed for a reason of its own here, one after the other
    parked       BOOLEAN NOT NULL,       -- it waits for an operator, until its validity is over
    next_attempt TEXT NOT NULL,
    last_error   TEXT NOT NULL,
    receipt      BLOB,                  -- signed statement, JSON
    answers      TEXT NOT NULL,          -- JSON array
    answered     TEXT NOT NULL, -- when the last receipt was verified; empty before the first
    withdrawal   TEXT NOT NULL,          -- how its withdrawal stands, once asked
    owner        TEXT NOT NULL, -- who delivers it; empty: nobody, or the one process that there is
    token        INTEGER NOT NULL,        -- grows each time that somebody takes it
    commit_no    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX delivery_answered ON delivery (recipient, answered, id_key) WHERE answered <> '';
CREATE INDEX delivery_turn ON delivery (owner, recipient, next_attempt, sequence, id_key) WHERE state IN ('queued', 'sent', 'received');
CREATE INDEX delivery_parked ON delivery (commit_no, id_key) WHERE parked;
CREATE INDEX delivery_chain ON delivery (chain, sequence, id_key) WHERE state IN ('queued', 'sent', 'received');

-- What has been announced: the same batch and waybill under a new id is told so.
CREATE TABLE announced (
    route      TEXT NOT NULL,
    subject    TEXT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (route, subject)
) WITHOUT ROWID;

-- A message id belongs to its sender: two administrations may use the same.
CREATE TABLE inbox (
    sender           TEXT NOT NULL,
    id_key           TEXT NOT NULL,
    id               TEXT NOT NULL,
    kind             TEXT NOT NULL,
    document_id      TEXT NOT NULL,
    document_key     TEXT NOT NULL,
    state            TEXT NOT NULL,
    received         TEXT NOT NULL,
    expected_arrival TEXT NOT NULL,
    late_by          INTEGER NOT NULL,    -- nanoseconds
    payload_digest   BLOB,
    canonical        BLOB,              -- digest
    canonical_digest BLOB,
    mapping          TEXT NOT NULL,
    faults           BLOB,              -- digest of a JSON array
    unread           BLOB,              -- digest of a JSON array
    answers          TEXT NOT NULL,      -- ids of documents answered, JSON array
    receipt          BLOB,              -- digest of a signed statement, JSON
    acknowledged_by  TEXT NOT NULL,
    acknowledged_at  TEXT NOT NULL,
    movement_id      TEXT NOT NULL,
    conversation     TEXT NOT NULL,      -- what a partner's messages have in common, as their headers say
    batch            TEXT NOT NULL,      -- as its header says
    commit_no        INTEGER NOT NULL,
    PRIMARY KEY (sender, id_key)
) WITHOUT ROWID;
CREATE INDEX inbox_id ON inbox (id_key, sender);
-- Of a document the last that was accepted, and no other row, however often it was sent again.
CREATE INDEX inbox_document ON inbox (sender, document_key, commit_no, id) WHERE document_key <> '' AND state = 'accepted';
CREATE INDEX inbox_state ON inbox (state, commit_no, id);
CREATE INDEX inbox_kind ON inbox (state, kind, commit_no, id);
CREATE INDEX inbox_waiting ON inbox (state, commit_no, id) WHERE acknowledged_by = '';

CREATE TABLE movement (
    id_key    TEXT PRIMARY KEY,
    id        TEXT NOT NULL,
    opened    TEXT NOT NULL,
    first_time    TEXT NOT NULL,
    last_time     TEXT NOT NULL,
    body      BLOB,                     -- JSON
    commit_no INTEGER NOT NULL
) WITHOUT ROWID;
-- What a movement is found by; beside it, so that a search needs no other row, when the
-- movement changed last and the first and the last of the times that it speaks of.
CREATE TABLE movement_identifier (
    id_key    TEXT NOT NULL, -- the movement's
    kind      TEXT NOT NULL,
    folded    TEXT NOT NULL,
    first_time    TEXT NOT NULL,
    last_time     TEXT NOT NULL,
    commit_no INTEGER NOT NULL,
    PRIMARY KEY (id_key, kind, folded)
) WITHOUT ROWID;
CREATE INDEX movement_identifier_commit ON movement_identifier (folded, kind, commit_no, id_key);
CREATE INDEX movement_identifier_last ON movement_identifier (folded, kind, last_time, first_time, id_key);

-- Digests only, never payload or personal data. A row is a leaf of the log: leaves are
-- numbered from 0 without a gap, in the order of their commits.
CREATE TABLE audit (
    leaf      INTEGER PRIMARY KEY,
    commit_no INTEGER NOT NULL,
    ordinal   INTEGER NOT NULL,           -- within the commit, from 1
    at        TEXT NOT NULL,
    actor     TEXT NOT NULL,
    event     TEXT NOT NULL,
    subject   TEXT NOT NULL,
    digest    BLOB
);
CREATE UNIQUE INDEX audit_commit ON audit (commit_no, ordinal);

-- SQLite chooses between indexes by what it knows of a table, and without this by chance:
-- rows of a table, then rows of one value of the first column, of the first two, and so on.
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('submission', 'sqlite_autoindex_submission_1', '1000000 10000 1'),
    ('submission', 'submission_commit', '1000000 10000 1 1'),
    ('submission', 'submission_state', '1000000 10000 1000 1 1'),
    ('submission', 'submission_batch', '1000000 10000 10 1 1'),
    ('inbox', 'inbox_state', '1000000 500000 1 1'),
    ('inbox', 'inbox_kind', '1000000 500000 50000 1 1'),
    ('inbox', 'inbox_waiting', '10000 10000 1 1');

-- +goose Down
DROP TABLE audit;
DROP TABLE movement_identifier;
DROP TABLE movement;
DROP TABLE inbox;
DROP TABLE announced;
DROP TABLE delivery;
DROP TABLE message;
DROP TABLE judgement;
DROP TABLE submission;
DROP TABLE judging;
DROP TABLE arrival;
DROP TABLE content;
DROP TABLE difference;
DROP TABLE balance;
DROP TABLE restoration;
DROP TABLE copied;
DROP TABLE lease;
DROP TABLE owner;
DROP TABLE numbers;
