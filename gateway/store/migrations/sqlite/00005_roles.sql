-- +goose Up
-- Messages of all in order of their last change, and the audit trail by what it is about and by who did it.
CREATE INDEX delivery_commit ON delivery (commit_no, id_key);
CREATE INDEX inbox_commit ON inbox (commit_no, sender, id_key);
CREATE INDEX audit_subject ON audit (subject, commit_no, ordinal);
CREATE INDEX audit_actor ON audit (actor, commit_no, ordinal);

-- +goose Down
DROP INDEX audit_actor;
DROP INDEX audit_subject;
DROP INDEX inbox_commit;
DROP INDEX delivery_commit;
