-- +goose Up
-- Until when the documents of a record are kept: of what came in with what it became, by its door, and of a
-- message that goes out, by the door out. Then it is looked at: they are erased, or kept longer.
CREATE TABLE kept (
    door      TEXT COLLATE "C" NOT NULL, -- as of the arrival, or out
    party     TEXT COLLATE "C" NOT NULL, -- as of the arrival; the recipient
    id_key    TEXT COLLATE "C" NOT NULL,
    id        TEXT COLLATE "C" NOT NULL,
    until     TEXT COLLATE "C" NOT NULL,
    rule      TEXT COLLATE "C" NOT NULL, -- that says so
    erased    TEXT COLLATE "C" NOT NULL, -- when they were; empty: they are not
    commit_no BIGINT NOT NULL,
    PRIMARY KEY (door, party, id_key)
);
CREATE INDEX kept_over ON kept (until, door, party, id_key) WHERE erased = '';

-- A row whose documents are erased says their digests and names them no more: whoever erases asks who else does.
ALTER TABLE arrival ADD COLUMN erased BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE submission ADD COLUMN erased BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE judgement ADD COLUMN erased BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE message ADD COLUMN erased BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE inbox ADD COLUMN erased BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX arrival_content ON arrival (content) WHERE content IS NOT NULL AND NOT erased;
CREATE INDEX submission_canonical ON submission (canonical) WHERE canonical IS NOT NULL AND NOT erased;
CREATE INDEX submission_faults ON submission (faults) WHERE faults IS NOT NULL AND NOT erased;
CREATE INDEX judgement_faults ON judgement (faults) WHERE faults IS NOT NULL AND NOT erased;
CREATE INDEX message_payload ON message (payload) WHERE payload IS NOT NULL AND NOT erased;
CREATE INDEX message_canonical ON message (canonical) WHERE canonical IS NOT NULL AND NOT erased;
CREATE INDEX inbox_canonical ON inbox (canonical) WHERE canonical IS NOT NULL AND NOT erased;
CREATE INDEX inbox_faults ON inbox (faults) WHERE faults IS NOT NULL AND NOT erased;
CREATE INDEX inbox_unread ON inbox (unread) WHERE unread IS NOT NULL AND NOT erased;
-- Receipts and statements are kept for good.
CREATE INDEX inbox_receipt ON inbox (receipt) WHERE receipt IS NOT NULL;
CREATE INDEX difference_statement ON difference (statement) WHERE statement IS NOT NULL;

-- What is here is looked at at once.
INSERT INTO kept (door, party, id_key, id, until, rule, erased, commit_no)
    SELECT door, party, id_key, id, received, '', '', 0 FROM arrival
    UNION ALL SELECT 'out', d.recipient, m.id_key, m.id, m.created, '', '', 0 FROM message AS m JOIN delivery AS d ON d.id_key = m.id_key;

-- +goose Down
DROP INDEX difference_statement;
DROP INDEX inbox_receipt;
DROP INDEX inbox_unread;
DROP INDEX inbox_faults;
DROP INDEX inbox_canonical;
DROP INDEX message_canonical;
DROP INDEX message_payload;
DROP INDEX judgement_faults;
DROP INDEX submission_faults;
DROP INDEX submission_canonical;
DROP INDEX arrival_content;
ALTER TABLE inbox DROP COLUMN erased;
ALTER TABLE message DROP COLUMN erased;
ALTER TABLE judgement DROP COLUMN erased;
ALTER TABLE submission DROP COLUMN erased;
ALTER TABLE arrival DROP COLUMN erased;
DROP TABLE kept;
