-- +goose Up
-- What waits for a partner that fetches, in the order of the commits that created it. Every message has a
-- recipient: to say so keeps this index from those who look for chains.
CREATE INDEX delivery_waiting ON delivery (recipient, sequence, id_key) WHERE state IN ('queued', 'sent', 'received') AND recipient <> '';

-- SQLite chooses between indexes by what it knows of a table, as in the first migration.
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('delivery', 'delivery_waiting', '10000 5000 2 1');

-- +goose Down
DROP INDEX delivery_waiting;
