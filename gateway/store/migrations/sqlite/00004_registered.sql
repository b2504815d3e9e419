-- +goose Up
-- Which message of a partner's was registered under which number, as our answers to it say: a
-- later one may name nothing else of what it changes.
CREATE TABLE registered (
    partner TEXT NOT NULL,
    number  TEXT NOT NULL, -- country/date/number
    id_key  TEXT NOT NULL, -- of the message, in the inbox
    PRIMARY KEY (partner, number, id_key)
);

-- +goose Down
DROP TABLE registered;
