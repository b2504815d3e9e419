-- +goose Up
-- What fetches by a cursor reads when a message was accepted, whatever changes of the message later.
ALTER TABLE inbox ADD COLUMN accepted_no BIGINT NOT NULL DEFAULT 0; -- the commit that accepted it; 0: it is not accepted
ALTER TABLE inbox ADD COLUMN offices TEXT NOT NULL DEFAULT '[]'; -- keys of the offices of ours that it concerns, JSON array; "*" is every one
UPDATE inbox SET accepted_no = commit_no, offices = '["*"]' WHERE state = 'accepted';
CREATE INDEX inbox_accepted ON inbox (accepted_no, sender, id_key) WHERE accepted_no > 0;

-- By what systems fetch: those that name the same share one cursor.
CREATE TABLE subscription (
    owner      TEXT COLLATE "C" NOT NULL, -- administration whose systems fetch by it
    name       TEXT COLLATE "C" NOT NULL,
    filter     TEXT NOT NULL,             -- JSON
    created    TEXT COLLATE "C" NOT NULL,
    created_by TEXT NOT NULL,
    position   BIGINT NOT NULL,           -- what was accepted up to this commit has been handed out, or does not fit
    fetched    TEXT COLLATE "C" NOT NULL, -- when something was handed out last; empty: never
    fetched_by TEXT NOT NULL,
    ended      TEXT COLLATE "C" NOT NULL, -- when it was ended; empty: it was not
    ended_by   TEXT NOT NULL,
    commit_no  BIGINT NOT NULL,
    PRIMARY KEY (owner, name)
);
CREATE INDEX subscription_live ON subscription (owner, name) WHERE ended = '';

-- Messages that were handed out by a subscription.
CREATE TABLE handout (
    owner           TEXT COLLATE "C" NOT NULL,
    subscription    TEXT COLLATE "C" NOT NULL,
    id_key          TEXT COLLATE "C" NOT NULL, -- of the message
    sender          TEXT COLLATE "C" NOT NULL,
    id              TEXT NOT NULL,
    accepted_no     BIGINT NOT NULL,           -- of the message
    lease           TEXT COLLATE "C" NOT NULL, -- under which it was handed out last; empty: it was given back
    holder          TEXT NOT NULL,             -- caller who has, or had, the lease
    until           TEXT COLLATE "C" NOT NULL, -- when the lease is over; empty: it was given back
    times           BIGINT NOT NULL,           -- how often it was handed out
    acknowledged    TEXT COLLATE "C" NOT NULL, -- when; empty: it is not
    acknowledged_by TEXT NOT NULL,
    commit_no       BIGINT NOT NULL,
    PRIMARY KEY (owner, subscription, id_key, sender)
);
CREATE INDEX handout_open ON handout (owner, subscription, until, accepted_no, id_key, sender) WHERE acknowledged = '';
CREATE INDEX handout_lease ON handout (owner, subscription, lease, id_key, sender) WHERE acknowledged = '';
CREATE INDEX handout_message ON handout (id_key, sender, owner, subscription);

-- +goose Down
DROP TABLE handout;
DROP TABLE subscription;
DROP INDEX inbox_accepted;
ALTER TABLE inbox DROP COLUMN offices;
ALTER TABLE inbox DROP COLUMN accepted_no;
