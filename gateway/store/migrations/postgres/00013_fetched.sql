-- +goose Up
-- What waits for a partner that fetches, in the order of the commits that created it. Every message has a
-- recipient: to say so keeps this index from those who look for chains.
CREATE INDEX delivery_waiting ON delivery (recipient, sequence, id_key) WHERE state IN ('queued', 'sent', 'received') AND recipient <> '';

-- +goose Down
DROP INDEX delivery_waiting;
