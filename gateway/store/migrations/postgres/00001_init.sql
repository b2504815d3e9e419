-- +goose Up
-- Instants are RFC 3339 texts in UTC with nanoseconds, so that they sort; digests are
-- SHA-256, 32 bytes. commit_no is assigned by the writer inside the committing transaction:
-- every cursor reads it. A column named ..._key holds the id beside it as it is sought, a
-- UUID in small letters (RFC 9562); the id stays as received.
CREATE TABLE numbers (
    one       SMALLINT PRIMARY KEY CHECK (one = 1),
    commit_no BIGINT NOT NULL,           -- the last
    leaf      BIGINT NOT NULL,           -- how many audit rows there are
    trials    BIGINT NOT NULL,           -- how often it was tried whether anything can be written
    moved     BOOLEAN NOT NULL           -- the records have another place now: nobody commits here any more
);
INSERT INTO numbers (one, commit_no, leaf, trials, moved) VALUES (1, 0, 0, 0, FALSE);

-- Whose database it is; one row once it is known.
CREATE TABLE owner (
    one            SMALLINT PRIMARY KEY CHECK (one = 1),
    administration TEXT NOT NULL
);

-- The processes that work on what stands here, where several may: each as long as its lease
-- lasts, by the database's clock. Work whose owner has none is taken over by the others.
CREATE TABLE lease (
    owner TEXT COLLATE "C" PRIMARY KEY,
    until BIGINT NOT NULL            -- milliseconds since 1970
);

-- What this database is while no gateway works on it: a copy that is being made, or a
-- backup. One row, or none.
CREATE TABLE copied (
    one    SMALLINT PRIMARY KEY CHECK (one = 1),
    state  TEXT NOT NULL,                -- copying or backup
    source BYTEA NOT NULL,              -- digest that names the state of the place it is of
    at     TEXT NOT NULL,                -- when that was read
    digest BYTEA                        -- of all records, once it is whole
);

-- Each time this database was restored from a backup.
CREATE TABLE restoration (
    number    BIGINT PRIMARY KEY,        -- from 1
    backup    TEXT NOT NULL,             -- when the backup was made
    at        TEXT NOT NULL,
    commit_no BIGINT NOT NULL,           -- the last that the backup held
    digest    BYTEA NOT NULL            -- of its records
);

-- How far the exchange with a partner has been balanced with it.
CREATE TABLE balance (
    partner  TEXT COLLATE "C" PRIMARY KEY, -- administration
    restored BIGINT NOT NULL,            -- how many restorations it covers
    upto     TEXT NOT NULL,              -- what both did before is balanced, by the partner's clock
    at       TEXT NOT NULL,              -- when the last one ended
    compared BIGINT NOT NULL             -- messages in the last one
);

-- What two gateways say differently of a message.
CREATE TABLE difference (
    partner   TEXT COLLATE "C" NOT NULL,
    sent      BOOLEAN NOT NULL,          -- by us; else by the partner
    id_key    TEXT COLLATE "C" NOT NULL,
    id        TEXT NOT NULL,
    code      TEXT COLLATE "C" NOT NULL,
    ours      BYTEA,                    -- digest of the payload, as we have it
    theirs    BYTEA,
    verdict   TEXT NOT NULL,             -- that we know of
    says      TEXT NOT NULL,             -- the verdict that the partner knows of
    kind      TEXT NOT NULL,             -- as the partner says that the header says
    document_id TEXT NOT NULL,
    batch     TEXT NOT NULL,
    statement BYTEA,                    -- digest of the partner's signed statement, JSON
    found     TEXT NOT NULL,
    settled   TEXT COLLATE "C" NOT NULL, -- when it was so no more; empty until then
    commit_no BIGINT NOT NULL,
    PRIMARY KEY (partner, sent, id_key)
);
CREATE INDEX difference_open ON difference (partner, commit_no, sent, id_key) WHERE settled = '';

-- Documents, once each, by their digest: never changed, apart from what changes.
CREATE TABLE content (
    digest BYTEA PRIMARY KEY,
    bytes  BYTEA NOT NULL
);

CREATE TABLE arrival (
    door       TEXT COLLATE "C" NOT NULL, -- submit, peer or border
    party      TEXT COLLATE "C" NOT NULL, -- office or administration it came from
    id_key     TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL, -- submission id or message id
    caller     TEXT NOT NULL,
    media_type TEXT NOT NULL,
    recipients TEXT NOT NULL,            -- JSON array
    header     BYTEA,
    signature  BYTEA,
    content    BYTEA,                    -- digest; none of nothing
    digest     BYTEA,                    -- as its sender or the door says
    received   TEXT COLLATE "C" NOT NULL,
    receipt    BYTEA,                    -- signed RCV, JSON
    reason     TEXT NOT NULL,            -- stated for opening a movement of others
    PRIMARY KEY (door, party, id_key)
);
-- Only what a partner sent has a header.
CREATE INDEX arrival_peer ON arrival (party, received, id_key) WHERE header IS NOT NULL;

-- How far the judgement of an arrival has come.
CREATE TABLE judging (
    door      TEXT COLLATE "C" NOT NULL,
    party     TEXT COLLATE "C" NOT NULL,
    id_key    TEXT COLLATE "C" NOT NULL,
    attempts  BIGINT NOT NULL,           -- how often it came
    judged    BOOLEAN NOT NULL,
    tries     BIGINT NOT NULL,           -- failed judgements
    next_try  TEXT COLLATE "C" NOT NULL, -- when it is judged next; empty is at once
    trouble   TEXT NOT NULL,             -- why the last judgement failed
    parked    BOOLEAN NOT NULL,          -- it waits for an operator
    owner     TEXT COLLATE "C" NOT NULL, -- who judges it; empty: nobody, or the one process that there is
    token     BIGINT NOT NULL,           -- grows each time that somebody takes it
    commit_no BIGINT NOT NULL,
    PRIMARY KEY (door, party, id_key)
);
CREATE INDEX judging_due ON judging (owner, next_try, commit_no) WHERE NOT judged AND NOT parked;
CREATE INDEX judging_trouble ON judging (commit_no, door, party, id_key) WHERE NOT judged AND trouble <> '';
CREATE INDEX judging_trouble_id ON judging (id_key, commit_no) WHERE NOT judged AND trouble <> '';

CREATE TABLE submission (
    office       TEXT COLLATE "C" NOT NULL,
    id_key       TEXT COLLATE "C" NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    kind         TEXT NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    reason       TEXT NOT NULL,
    received     TEXT COLLATE "C" NOT NULL,
    digest       BYTEA,
    batch        TEXT NOT NULL,
    batch_key    TEXT COLLATE "C" NOT NULL,
    document_id  TEXT NOT NULL,
    mapping      TEXT NOT NULL,
    route        TEXT COLLATE "C" NOT NULL,
    part         TEXT COLLATE "C" NOT NULL,
    join_key     TEXT COLLATE "C" NOT NULL,
    waits_for    TEXT NOT NULL,          -- JSON array
    expires      TEXT COLLATE "C" NOT NULL,
    message_id   TEXT COLLATE "C" NOT NULL, -- the whole it became or was joined into
    faults       BYTEA,                  -- digest of a JSON array
    canonical    BYTEA,                  -- digest
    commit_no    BIGINT NOT NULL,
    PRIMARY KEY (office, id_key)
);
CREATE INDEX submission_commit ON submission (office, commit_no, id);
CREATE INDEX submission_state ON submission (office, state, commit_no, id);
CREATE INDEX submission_batch ON submission (office, batch_key, commit_no, id) WHERE batch_key <> '';
CREATE INDEX submission_held ON submission (route, join_key, commit_no) WHERE state = 'held';
CREATE INDEX submission_expires ON submission (expires) WHERE state = 'held' AND expires <> '';
CREATE INDEX submission_message ON submission (message_id, part, id) WHERE message_id <> '';

-- What was refused is judged anew when it is submitted again: each judgement is a row.
CREATE TABLE judgement (
    office    TEXT COLLATE "C" NOT NULL,
    id_key    TEXT COLLATE "C" NOT NULL,
    number    BIGINT NOT NULL, -- from 1, of the submission
    id        TEXT NOT NULL,
    digest    BYTEA,            -- of the bytes that were judged
    state     TEXT NOT NULL,   -- what it came to
    caller    TEXT NOT NULL,   -- who asked for it
    at        TEXT NOT NULL,
    faults    BYTEA,            -- digest of a JSON array
    commit_no BIGINT NOT NULL,
    PRIMARY KEY (office, id_key, number)
);

-- What does not change of an outgoing message.
CREATE TABLE message (
    id_key           TEXT COLLATE "C" PRIMARY KEY,
    id               TEXT COLLATE "C" NOT NULL,
    route            TEXT NOT NULL,
    kind             TEXT NOT NULL,
    conversation     TEXT NOT NULL,
    document_id      TEXT NOT NULL,
    document_key     TEXT COLLATE "C" NOT NULL,
    created          TEXT COLLATE "C" NOT NULL,
    expected_arrival TEXT NOT NULL,
    late_by          BIGINT NOT NULL,    -- nanoseconds
    valid_until      TEXT NOT NULL,
    header           BYTEA,
    signature        BYTEA,
    payload          BYTEA,              -- digest
    payload_size     BIGINT NOT NULL,    -- in bytes
    payload_digest   BYTEA,              -- as it is signed
    canonical        BYTEA,              -- digest of the released document that was encoded
    canonical_digest BYTEA,              -- of its RFC 8785 form
    mapping          TEXT NOT NULL,
    mapping_digest   BYTEA,
    schema_digest    BYTEA,
    whole            TEXT COLLATE "C" NOT NULL, -- the first message made of the same submissions
    whole_key        TEXT COLLATE "C" NOT NULL,
    part             BIGINT NOT NULL,    -- which of them, from 1
    split            TEXT NOT NULL       -- id of the split that made them several
);
CREATE INDEX message_document ON message (document_key) WHERE document_key <> '';
CREATE INDEX message_whole ON message (whole_key, part);

-- How far the delivery of a message has come.
CREATE TABLE delivery (
    id_key       TEXT COLLATE "C" PRIMARY KEY,
    recipient    TEXT COLLATE "C" NOT NULL,
    chain        TEXT COLLATE "C" NOT NULL, -- the original message's id: order is kept within it
    sequence     BIGINT NOT NULL,        -- the commit that created it
    state        TEXT COLLATE "C" NOT NULL,
    reason       TEXT NOT NULL,
    attempts     BIGINT NOT NULL,
    tries        BIGINT NOT NULL,        -- attempts since the last receipt of another verdict
    troubles     BIGINT NOT NULL,        -- attempts that failed for a reason of its own here, one after the other
    parked       BOOLEAN NOT NULL,       -- it waits for an operator, until its validity is over
    next_attempt TEXT COLLATE "C" NOT NULL,
    last_error   TEXT NOT NULL,
    receipt      BYTEA,                  -- signed statement, JSON
    answers      TEXT NOT NULL,          -- JSON array
    answered     TEXT COLLATE "C" NOT NULL, -- when the last receipt was verified; empty before the first
    withdrawal   TEXT NOT NULL,          -- how its withdrawal stands, once asked
    owner        TEXT COLLATE "C" NOT NULL, -- who delivers it; empty: nobody, or the one process that there is
    token        BIGINT NOT NULL,        -- grows each time that somebody takes it
    commit_no    BIGINT NOT NULL
);
CREATE INDEX delivery_answered ON delivery (recipient, answered, id_key) WHERE answered <> '';
CREATE INDEX delivery_turn ON delivery (owner, recipient, next_attempt, sequence, id_key) WHERE state IN ('queued', 'sent', 'received');
CREATE INDEX delivery_parked ON delivery (commit_no, id_key) WHERE parked;
CREATE INDEX delivery_chain ON delivery (chain, sequence, id_key) WHERE state IN ('queued', 'sent', 'received');

-- What has been announced: the same batch and waybill under a new id is told so.
CREATE TABLE announced (
    route      TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (route, subject)
);

-- A message id belongs to its sender: two administrations may use the same.
CREATE TABLE inbox (
    sender           TEXT COLLATE "C" NOT NULL,
    id_key           TEXT COLLATE "C" NOT NULL,
    id               TEXT COLLATE "C" NOT NULL,
    kind             TEXT COLLATE "C" NOT NULL,
    document_id      TEXT NOT NULL,
    document_key     TEXT COLLATE "C" NOT NULL,
    state            TEXT COLLATE "C" NOT NULL,
    received         TEXT NOT NULL,
    expected_arrival TEXT NOT NULL,
    late_by          BIGINT NOT NULL,    -- nanoseconds
    payload_digest   BYTEA,
    canonical        BYTEA,              -- digest
    canonical_digest BYTEA,
    mapping          TEXT NOT NULL,
    faults           BYTEA,              -- digest of a JSON array
    unread           BYTEA,              -- digest of a JSON array
    answers          TEXT NOT NULL,      -- ids of documents answered, JSON array
    receipt          BYTEA,              -- digest of a signed statement, JSON
    acknowledged_by  TEXT NOT NULL,
    acknowledged_at  TEXT NOT NULL,
    movement_id      TEXT NOT NULL,
    conversation     TEXT NOT NULL,      -- what a partner's messages have in common, as their headers say
    batch            TEXT NOT NULL,      -- as its header says
    commit_no        BIGINT NOT NULL,
    PRIMARY KEY (sender, id_key)
);
CREATE INDEX inbox_id ON inbox (id_key, sender);
-- Of a document the last that was accepted, and no other row, however often it was sent again.
CREATE INDEX inbox_document ON inbox (sender, document_key, commit_no, id) WHERE document_key <> '' AND state = 'accepted';
CREATE INDEX inbox_state ON inbox (state, commit_no, id);
CREATE INDEX inbox_kind ON inbox (state, kind, commit_no, id);
CREATE INDEX inbox_waiting ON inbox (state, commit_no, id) WHERE acknowledged_by = '';

CREATE TABLE movement (
    id_key    TEXT COLLATE "C" PRIMARY KEY,
    id        TEXT COLLATE "C" NOT NULL,
    opened    TEXT NOT NULL,
    first_time    TEXT NOT NULL,
    last_time     TEXT NOT NULL,
    body      BYTEA,                     -- JSON
    commit_no BIGINT NOT NULL
);
-- What a movement is found by; beside it, so that a search needs no other row, when the
-- movement changed last and the first and the last of the times that it speaks of.
CREATE TABLE movement_identifier (
    id_key    TEXT COLLATE "C" NOT NULL, -- the movement's
    kind      TEXT COLLATE "C" NOT NULL,
    folded    TEXT COLLATE "C" NOT NULL,
    first_time    TEXT COLLATE "C" NOT NULL,
    last_time     TEXT COLLATE "C" NOT NULL,
    commit_no BIGINT NOT NULL,
    PRIMARY KEY (id_key, kind, folded)
);
CREATE INDEX movement_identifier_commit ON movement_identifier (folded, kind, commit_no, id_key);
CREATE INDEX movement_identifier_last ON movement_identifier (folded, kind, last_time, first_time, id_key);

-- Digests only, never payload or personal data. A row is a leaf of the log: leaves are
-- numbered from 0 without a gap, in the order of their commits.
CREATE TABLE audit (
    leaf      BIGINT PRIMARY KEY,
    commit_no BIGINT NOT NULL,
    ordinal   BIGINT NOT NULL,           -- within the commit, from 1
    at        TEXT NOT NULL,
    actor     TEXT NOT NULL,
    event     TEXT NOT NULL,
    subject   TEXT NOT NULL,
    digest    BYTEA
);
CREATE UNIQUE INDEX audit_commit ON audit (commit_no, ordinal);

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
