-- +goose Up
-- How long a message is valid is renewed when an operator has it sent again: it stands with how far its
-- delivery has come. And of what waits, what its addressee needs first goes first.
ALTER TABLE delivery ADD COLUMN valid_until TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN needed TEXT COLLATE "C" NOT NULL DEFAULT ''; -- when what it announces is expected to arrive, or else when it was made
UPDATE delivery SET valid_until = coalesce((SELECT m.valid_until FROM message AS m WHERE m.id_key = delivery.id_key), ''),
    needed = coalesce((SELECT CASE WHEN m.expected_arrival <> '' THEN m.expected_arrival ELSE m.created END FROM message AS m WHERE m.id_key = delivery.id_key), '');
ALTER TABLE message DROP COLUMN valid_until;
CREATE INDEX delivery_needed ON delivery (recipient, needed, id_key) WHERE state IN ('queued', 'sent', 'received');
CREATE INDEX delivery_valid ON delivery (recipient, valid_until, id_key) WHERE state IN ('queued', 'sent', 'received');
CREATE INDEX delivery_dead ON delivery (commit_no, id_key) WHERE state = 'dead';

-- The message that was never handed over in whose place one was made anew.
ALTER TABLE message ADD COLUMN repairs TEXT COLLATE "C" NOT NULL DEFAULT ''; -- its id; empty: none
CREATE INDEX message_repairs ON message (repairs) WHERE repairs <> '';

-- What two people say of a message that ended without the partner's verdict.
CREATE TABLE settlement (
    id_key       TEXT COLLATE "C" PRIMARY KEY, -- of the message
    recipient    TEXT COLLATE "C" NOT NULL,
    reason       TEXT COLLATE "C" NOT NULL,
    evidence     BYTEA NOT NULL, -- digest of what shows it, which is kept elsewhere
    proposed     TEXT COLLATE "C" NOT NULL, -- when
    proposed_by  TEXT COLLATE "C" NOT NULL,
    confirmed    TEXT COLLATE "C" NOT NULL, -- empty: not yet
    confirmed_by TEXT COLLATE "C" NOT NULL,
    commit_no    BIGINT NOT NULL
);
CREATE INDEX settlement_confirmed ON settlement (recipient, confirmed, id_key) WHERE confirmed <> '';

-- +goose Down
DROP TABLE settlement;
DROP INDEX message_repairs;
ALTER TABLE message DROP COLUMN repairs;
DROP INDEX delivery_dead;
DROP INDEX delivery_valid;
DROP INDEX delivery_needed;
ALTER TABLE message ADD COLUMN valid_until TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE message SET valid_until = coalesce((SELECT d.valid_until FROM delivery AS d WHERE d.id_key = message.id_key), '');
ALTER TABLE delivery DROP COLUMN needed;
ALTER TABLE delivery DROP COLUMN valid_until;
