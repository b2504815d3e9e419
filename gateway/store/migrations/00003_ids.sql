-- +goose Up
-- UUIDs are found whatever the case of their letters (RFC 9562); they stay as received.
CREATE INDEX arrival_uuid ON arrival (door, party, id COLLATE NOCASE);
CREATE INDEX submission_uuid ON submission (office, id COLLATE NOCASE);
CREATE INDEX message_uuid ON message (id COLLATE NOCASE);
CREATE INDEX message_whole_uuid ON message (whole COLLATE NOCASE, part);
CREATE INDEX message_document_uuid ON message (document_id COLLATE NOCASE);
CREATE INDEX inbox_uuid ON inbox (id COLLATE NOCASE);
CREATE INDEX inbox_document_uuid ON inbox (document_id COLLATE NOCASE);
CREATE INDEX movement_uuid ON movement (id COLLATE NOCASE);

-- +goose Down
DROP INDEX movement_uuid;
DROP INDEX inbox_document_uuid;
DROP INDEX inbox_uuid;
DROP INDEX message_document_uuid;
DROP INDEX message_whole_uuid;
DROP INDEX message_uuid;
DROP INDEX submission_uuid;
DROP INDEX arrival_uuid;
