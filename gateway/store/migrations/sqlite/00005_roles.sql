-- +goose Up
-- Messages of all in order of their last change, and the audit trail by what it is about and by who did it.
CREATE INDEX delivery_commit ON delivery (commit_no, id_key);
CREATE INDEX inbox_commit ON inbox (commit_no, sender, id_key);
CREATE INDEX audit_subject ON audit (subject, commit_no, ordinal);
CREATE INDEX audit_actor ON audit (actor, commit_no, ordinal);

-- Every statement by which a partner has answered a message, once each.
CREATE TABLE receipt (
    id_key    TEXT NOT NULL, -- of the message
    number    INTEGER NOT NULL, -- from 1, in the order in which they came
    verdict   TEXT NOT NULL,
    verified  TEXT NOT NULL, -- when it was
    statement BLOB NOT NULL, -- signed, JSON
    PRIMARY KEY (id_key, number)
) WITHOUT ROWID;
INSERT INTO receipt (id_key, number, verdict, verified, statement)
SELECT id_key, 1, CASE state WHEN 'accepted' THEN 'PRS' WHEN 'refused' THEN 'ERR' ELSE 'RCV' END, answered, receipt
FROM delivery WHERE receipt IS NOT NULL;
ALTER TABLE delivery DROP COLUMN receipt;

-- +goose Down
ALTER TABLE delivery ADD COLUMN receipt BLOB;
UPDATE delivery SET receipt = (SELECT r.statement FROM receipt AS r WHERE r.id_key = delivery.id_key ORDER BY r.verdict = 'RCV', r.number LIMIT 1);
DROP TABLE receipt;
DROP INDEX audit_actor;
DROP INDEX audit_subject;
DROP INDEX inbox_commit;
DROP INDEX delivery_commit;
