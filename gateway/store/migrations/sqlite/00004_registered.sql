-- +goose Up
-- Which message of a partner's was registered under which number, as our answers to it say: a
-- later one may name nothing else of what it changes.
CREATE TABLE registered (
    partner TEXT NOT NULL,
    number  TEXT NOT NULL, -- country/date/number
    id_key  TEXT NOT NULL, -- of the message, in the inbox
    PRIMARY KEY (partner, number, id_key)
);

-- What a partner's change waits for that overtook what it changes: what that can be found by.
CREATE TABLE early (
    sender TEXT NOT NULL,
    id_key TEXT NOT NULL,
    kind   TEXT NOT NULL,
    folded TEXT NOT NULL,
    again  TEXT NOT NULL, -- when it may be judged again once that has come; empty: at once
    PRIMARY KEY (sender, id_key, kind, folded)
);
CREATE INDEX early_by ON early (sender, folded, kind, id_key);

-- +goose Down
DROP TABLE early;
DROP TABLE registered;
