-- +goose Up
-- What a partner has told of the last arrival of what a message announces, JSON; empty: nothing.
ALTER TABLE delivery ADD COLUMN arrival TEXT COLLATE "C" NOT NULL DEFAULT '';

-- What a movement is listed by: of each office of ours that has a part in it, and of '*', which is
-- who sees all.
CREATE TABLE movement_office (
    id_key    TEXT COLLATE "C" NOT NULL, -- the movement's
    office    TEXT COLLATE "C" NOT NULL,
    roles     TEXT COLLATE "C" NOT NULL, -- the parts that the office has in it, with blanks around each
    kinds     TEXT COLLATE "C" NOT NULL, -- the kinds of document that tell of it, likewise
    state     TEXT COLLATE "C" NOT NULL,
    worklist  TEXT COLLATE "C" NOT NULL, -- which list of a shift it is in; empty: none
    since     TEXT COLLATE "C" NOT NULL, -- when it came to its state, or when that is to end
    expected  TEXT COLLATE "C" NOT NULL, -- when it is expected to arrive
    differs   BOOLEAN NOT NULL,
    commit_no BIGINT NOT NULL,
    PRIMARY KEY (id_key, office)
);
CREATE INDEX movement_office_worklist ON movement_office (office, worklist, since, id_key) WHERE worklist <> '';
CREATE INDEX movement_office_expected ON movement_office (office, expected, id_key) WHERE expected <> '';
CREATE INDEX movement_office_differing ON movement_office (office, commit_no, id_key) WHERE differs;
CREATE INDEX movement_office_state ON movement_office (office, state, commit_no, id_key);
CREATE INDEX movement_office_commit ON movement_office (office, commit_no, id_key);

-- Messages that announce what has left, and that the partner has not accepted yet.
CREATE TABLE unaccepted (
    message_key  TEXT COLLATE "C" PRIMARY KEY,
    movement_key TEXT COLLATE "C" NOT NULL
);
CREATE INDEX unaccepted_movement ON unaccepted (movement_key, message_key);

-- All movements are looked at again, and listed.
UPDATE movement SET due = '0001-01-01T00:00:00.000000000Z';

-- +goose Down
DROP TABLE unaccepted;
DROP TABLE movement_office;
ALTER TABLE delivery DROP COLUMN arrival;
