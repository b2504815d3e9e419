-- What the store asks, of SQLite and PostgreSQL alike: sqlc makes the Go in rows of it.
-- CASTs tell sqlc a type; both engines know them.

-- name: LastNumbers :one
-- Holds the row until the commit: numbers have no gap, and nobody sees a later one first.
-- There is none where the records have moved.
UPDATE numbers SET commit_no = commit_no WHERE one = 1 AND NOT moved RETURNING commit_no, leaf;

-- name: SetNumbers :exec
UPDATE numbers SET commit_no = $1, leaf = $2 WHERE one = 1;

-- name: Try :exec
UPDATE numbers SET trials = trials + 1 WHERE one = 1;

-- name: LastCommit :one
SELECT commit_no FROM numbers WHERE one = 1;

-- name: Owner :one
SELECT administration FROM owner WHERE one = 1;

-- name: SetOwner :exec
INSERT INTO owner (one, administration) VALUES (1, $1) ON CONFLICT (one) DO NOTHING;

-- name: Copied :one
SELECT * FROM copied WHERE one = 1;

-- name: Restored :one
-- The last.
SELECT * FROM restoration WHERE number = (SELECT max(r.number) FROM restoration AS r WHERE r.number > 0);

-- name: BalancedUpto :one
-- How many restorations the balances with all partners cover.
SELECT CAST(coalesce(min(restored), 0) AS BIGINT) AS restored FROM balance;

-- name: PutContent :exec
INSERT INTO content (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING;

-- name: PutArrival :exec
INSERT INTO arrival (door, party, id_key, id, caller, media_type, recipients, header, signature, content, digest, received, receipt, reason, asks,
    second_of, erased, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT (door, party, id_key) DO UPDATE SET id = excluded.id, caller = excluded.caller, media_type = excluded.media_type,
    recipients = excluded.recipients, header = excluded.header, signature = excluded.signature, content = excluded.content,
    digest = excluded.digest, received = excluded.received, receipt = excluded.receipt, reason = excluded.reason,
    asks = excluded.asks, second_of = excluded.second_of, erased = excluded.erased, row_digest = excluded.row_digest;

-- name: PutJudging :exec
INSERT INTO judging (door, party, id_key, attempts, judged, tries, next_try, trouble, parked, owner, token, commit_no, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (door, party, id_key) DO UPDATE SET attempts = excluded.attempts, judged = excluded.judged, tries = excluded.tries,
    next_try = excluded.next_try, trouble = excluded.trouble, parked = excluded.parked, owner = excluded.owner, token = excluded.token,
    commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: SetJudging :execrows
-- Only as long as nobody else has taken it.
UPDATE judging SET judged = $1, tries = $2, next_try = $3, trouble = $4, parked = $5, owner = '', commit_no = $6, row_digest = $12
WHERE door = $7 AND party = $8 AND id_key = $9 AND owner = $10 AND token = $11;

-- name: CountAttempt :execrows
UPDATE judging SET attempts = attempts + 1, owner = $1, token = $2, commit_no = $3 WHERE door = $4 AND party = $5 AND id_key = $6;

-- name: Arrival :one
SELECT sqlc.embed(a), sqlc.embed(j), c.bytes AS content
FROM arrival AS a JOIN judging AS j ON j.door = a.door AND j.party = a.party AND j.id_key = a.id_key
LEFT JOIN content AS c ON c.digest = a.content
WHERE a.door = $1 AND a.party = $2 AND a.id_key = $3;

-- name: Unjudged :many
SELECT a.door, a.party, a.id
FROM judging AS j JOIN arrival AS a ON a.door = j.door AND a.party = j.party AND a.id_key = j.id_key
WHERE j.owner = $1 AND NOT j.judged AND NOT j.parked AND j.next_try <= $2
ORDER BY j.next_try, j.commit_no LIMIT $3;

-- name: Troubled :many
SELECT a.id, a.digest, a.received, sqlc.embed(j)
FROM judging AS j JOIN arrival AS a ON a.door = j.door AND a.party = j.party AND a.id_key = j.id_key
WHERE NOT j.judged AND j.trouble <> '' AND j.commit_no >= sqlc.arg(least) AND j.commit_no <= sqlc.arg(upto)
ORDER BY j.commit_no, j.door, j.party, j.id_key LIMIT sqlc.arg(most);

-- name: TroubledBy :many
SELECT a.id, a.digest, a.received, sqlc.embed(j)
FROM judging AS j JOIN arrival AS a ON a.door = j.door AND a.party = j.party AND a.id_key = j.id_key
WHERE NOT j.judged AND j.trouble <> '' AND j.id_key = $1
ORDER BY j.commit_no;

-- name: PutSubmission :exec
INSERT INTO submission (office, id_key, id, kind, state, reason, received, digest, batch, batch_key, document_id, mapping, route, part,
    join_key, waits_for, expires, message_id, version, faults, canonical, second_of, second_key, erased, commit_no, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
ON CONFLICT (office, id_key) DO UPDATE SET id = excluded.id, kind = excluded.kind, state = excluded.state, reason = excluded.reason,
    received = excluded.received, digest = excluded.digest, batch = excluded.batch, batch_key = excluded.batch_key,
    document_id = excluded.document_id, mapping = excluded.mapping, route = excluded.route, part = excluded.part,
    join_key = excluded.join_key, waits_for = excluded.waits_for, expires = excluded.expires, message_id = excluded.message_id, version = excluded.version,
    faults = excluded.faults, canonical = excluded.canonical, second_of = excluded.second_of, second_key = excluded.second_key,
    erased = excluded.erased, commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: AddJudgement :exec
INSERT INTO judgement (office, id_key, number, id, digest, state, caller, at, faults, commit_no, row_digest)
VALUES ($1, $2, (SELECT coalesce(max(j.number), 0) + 1 FROM judgement AS j WHERE j.office = $1 AND j.id_key = $2), $3, $4, $5, $6, $7, $8, $9, $10);

-- name: Judgements :many
SELECT sqlc.embed(j), f.bytes AS faults
FROM judgement AS j LEFT JOIN content AS f ON f.digest = j.faults
WHERE j.office = $1 AND j.id_key = $2
ORDER BY j.number DESC LIMIT $3;

-- name: AddApproval :exec
INSERT INTO approval (office, id_key, digest, approved, caller, reason, at, commit_no, row_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: Approval :one
SELECT * FROM approval WHERE office = $1 AND id_key = $2 AND digest = $3;

-- name: AddRuling :exec
INSERT INTO ruling (office, id_key, digest, text_digest, verdict, replacement, caller, reason, at, commit_no, row_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: Rulings :many
SELECT * FROM ruling WHERE office = $1 AND id_key = $2 AND digest = $3 ORDER BY text_digest LIMIT $4;

-- name: Await :exec
INSERT INTO awaited (office, id_key, kind, folded) VALUES ($1, $2, $3, $4) ON CONFLICT (office, id_key, kind, folded) DO NOTHING;

-- name: AwaitedBy :many
SELECT w.office, w.id_key FROM awaited AS w WHERE w.folded = $1 AND w.kind = $2
ORDER BY w.office, w.id_key LIMIT $3;

-- name: AwaitNoMore :exec
DELETE FROM awaited WHERE office = $1 AND id_key = $2;

-- name: PutEarly :exec
INSERT INTO early (sender, id_key, kind, folded, again) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (sender, id_key, kind, folded) DO NOTHING;

-- name: EarlyOf :many
-- Of each of its rows, which are few.
SELECT DISTINCT e.id_key FROM early AS e WHERE e.sender = $1 ORDER BY e.id_key LIMIT $2;

-- name: EarlyFor :many
SELECT e.id_key, e.again FROM early AS e WHERE e.sender = $1 AND e.folded = $2 AND e.kind = $3
ORDER BY e.id_key LIMIT $4;

-- name: EarlyNoMore :exec
DELETE FROM early WHERE sender = $1 AND id_key = $2;

-- name: IsEarly :one
SELECT count(*) AS waits FROM early WHERE sender = $1 AND id_key = $2;

-- name: Hasten :exec
-- Whoever judges it now finds it changed.
UPDATE judging SET next_try = sqlc.arg(next_try), commit_no = sqlc.arg(commit_no)
WHERE door = sqlc.arg(door) AND party = sqlc.arg(party) AND id_key = sqlc.arg(id_key) AND NOT judged AND NOT parked AND next_try > sqlc.arg(next_try);

-- name: TouchSubmissions :exec
UPDATE submission SET commit_no = $1 WHERE message_id = $2 AND message_id <> '' AND commit_no <> $1;

-- name: TouchFirst :exec
UPDATE submission SET commit_no = $1 WHERE office = $2 AND id_key = $3 AND commit_no <> $1;

-- name: TouchFirstOf :exec
-- Those beside which the sources of a whole stand.
UPDATE submission SET commit_no = sqlc.arg(commit_no) WHERE commit_no <> sqlc.arg(commit_no) AND (office, id_key) IN
    (SELECT s.office, s.second_key FROM submission AS s WHERE s.message_id = sqlc.arg(message_id) AND s.message_id <> '' AND s.second_key <> '');

-- name: Submission :one
SELECT sqlc.embed(s), f.bytes AS faults, c.bytes AS canonical
FROM submission AS s LEFT JOIN content AS f ON f.digest = s.faults LEFT JOIN content AS c ON c.digest = s.canonical
WHERE s.office = $1 AND s.id_key = $2;

-- name: Held :many
SELECT sqlc.embed(s), f.bytes AS faults, c.bytes AS canonical
FROM submission AS s LEFT JOIN content AS f ON f.digest = s.faults LEFT JOIN content AS c ON c.digest = s.canonical
WHERE s.state = 'held' AND s.route = $1 AND s.join_key = $2
ORDER BY s.commit_no;

-- name: HeldPast :many
SELECT sqlc.embed(s), f.bytes AS faults, c.bytes AS canonical
FROM submission AS s LEFT JOIN content AS f ON f.digest = s.faults LEFT JOIN content AS c ON c.digest = s.canonical
WHERE s.state = 'held' AND s.expires <> '' AND s.expires <= $1
ORDER BY s.expires LIMIT $2;

-- name: Joined :many
SELECT sqlc.embed(s), f.bytes AS faults, c.bytes AS canonical
FROM submission AS s LEFT JOIN content AS f ON f.digest = s.faults LEFT JOIN content AS c ON c.digest = s.canonical
WHERE s.message_id = $1 AND s.message_id <> ''
ORDER BY s.version, s.part, s.id;

-- name: Sources :many
SELECT sqlc.embed(s), f.bytes AS faults
FROM submission AS s LEFT JOIN content AS f ON f.digest = s.faults
WHERE s.message_id = $1 AND s.message_id <> ''
ORDER BY s.version, s.part, s.id;

-- name: WholesOf :many
-- Those that submissions of a key went into, the last first.
SELECT s.message_id, CAST(max(s.commit_no) AS BIGINT) AS latest FROM submission AS s
WHERE s.route = $1 AND s.join_key = $2 AND s.message_id <> ''
GROUP BY s.message_id ORDER BY latest DESC LIMIT $3;

-- name: SubmissionsAfter :many
SELECT sqlc.embed(s), f.bytes AS faults
FROM submission AS s LEFT JOIN content AS f ON f.digest = s.faults
WHERE s.office = sqlc.arg(office) AND s.second_key = '' AND s.commit_no >= sqlc.arg(least) AND s.commit_no <= sqlc.arg(upto)
ORDER BY s.commit_no, s.id LIMIT sqlc.arg(most);

-- name: SubmissionsBefore :many
SELECT sqlc.embed(s), f.bytes AS faults
FROM submission AS s LEFT JOIN content AS f ON f.digest = s.faults
WHERE s.office = sqlc.arg(office) AND s.second_key = '' AND s.commit_no >= sqlc.arg(least) AND s.commit_no <= sqlc.arg(upto)
    AND (CAST(sqlc.arg(message_state) AS TEXT) = '' OR EXISTS (SELECT 1 FROM message AS m JOIN delivery AS d ON d.id_key = m.id_key
        WHERE m.whole_key = s.message_id AND d.state = CAST(sqlc.arg(message_state) AS TEXT))
        OR EXISTS (SELECT 1 FROM submission AS t JOIN message AS m ON m.whole_key = t.message_id JOIN delivery AS d ON d.id_key = m.id_key
        WHERE t.office = s.office AND t.second_key = s.id_key AND t.second_key <> '' AND d.state = CAST(sqlc.arg(message_state) AS TEXT)))
    AND (CAST(sqlc.arg(kind) AS TEXT) = '' OR s.kind = CAST(sqlc.arg(kind) AS TEXT)) AND s.received >= sqlc.arg(since)
ORDER BY s.commit_no DESC, s.id LIMIT sqlc.arg(most);

-- name: SubmissionsInState :many
SELECT sqlc.embed(s), f.bytes AS faults
FROM submission AS s LEFT JOIN content AS f ON f.digest = s.faults
WHERE s.office = sqlc.arg(office) AND s.second_key = '' AND s.state = sqlc.arg(state) AND s.commit_no >= sqlc.arg(least) AND s.commit_no <= sqlc.arg(upto)
    AND (CAST(sqlc.arg(message_state) AS TEXT) = '' OR EXISTS (SELECT 1 FROM message AS m JOIN delivery AS d ON d.id_key = m.id_key
        WHERE m.whole_key = s.message_id AND d.state = CAST(sqlc.arg(message_state) AS TEXT))
        OR EXISTS (SELECT 1 FROM submission AS t JOIN message AS m ON m.whole_key = t.message_id JOIN delivery AS d ON d.id_key = m.id_key
        WHERE t.office = s.office AND t.second_key = s.id_key AND t.second_key <> '' AND d.state = CAST(sqlc.arg(message_state) AS TEXT)))
    AND (CAST(sqlc.arg(kind) AS TEXT) = '' OR s.kind = CAST(sqlc.arg(kind) AS TEXT)) AND s.received >= sqlc.arg(since)
ORDER BY s.commit_no DESC, s.id LIMIT sqlc.arg(most);

-- name: SubmissionsOfBatch :many
SELECT sqlc.embed(s), f.bytes AS faults
FROM submission AS s LEFT JOIN content AS f ON f.digest = s.faults
WHERE s.office = sqlc.arg(office) AND s.second_key = '' AND s.batch_key = sqlc.arg(batch_key) AND s.batch_key <> ''
    AND s.commit_no >= sqlc.arg(least) AND s.commit_no <= sqlc.arg(upto)
    AND (CAST(sqlc.arg(state) AS TEXT) = '' OR s.state = CAST(sqlc.arg(state) AS TEXT))
    AND (CAST(sqlc.arg(message_state) AS TEXT) = '' OR EXISTS (SELECT 1 FROM message AS m JOIN delivery AS d ON d.id_key = m.id_key
        WHERE m.whole_key = s.message_id AND d.state = CAST(sqlc.arg(message_state) AS TEXT))
        OR EXISTS (SELECT 1 FROM submission AS t JOIN message AS m ON m.whole_key = t.message_id JOIN delivery AS d ON d.id_key = m.id_key
        WHERE t.office = s.office AND t.second_key = s.id_key AND t.second_key <> '' AND d.state = CAST(sqlc.arg(message_state) AS TEXT)))
    AND (CAST(sqlc.arg(kind) AS TEXT) = '' OR s.kind = CAST(sqlc.arg(kind) AS TEXT)) AND s.received >= sqlc.arg(since)
ORDER BY s.commit_no DESC, s.id LIMIT sqlc.arg(most);

-- name: PutMessage :exec
INSERT INTO message (id_key, id, route, kind, conversation, document_id, document_key, created, expected_arrival, late_by,
    header, signature, payload, payload_size, payload_digest, canonical, canonical_digest, mapping, mapping_digest, schema_digest,
    whole, whole_key, part, split, version, replaces, repairs, erased, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)
ON CONFLICT (id_key) DO UPDATE SET id = excluded.id, route = excluded.route, kind = excluded.kind, conversation = excluded.conversation,
    document_id = excluded.document_id, document_key = excluded.document_key, created = excluded.created,
    expected_arrival = excluded.expected_arrival, late_by = excluded.late_by,
    header = excluded.header, signature = excluded.signature, payload = excluded.payload, payload_size = excluded.payload_size, payload_digest = excluded.payload_digest,
    canonical = excluded.canonical, canonical_digest = excluded.canonical_digest, mapping = excluded.mapping,
    mapping_digest = excluded.mapping_digest, schema_digest = excluded.schema_digest, whole = excluded.whole,
    whole_key = excluded.whole_key, part = excluded.part, split = excluded.split,
    version = excluded.version, replaces = excluded.replaces, repairs = excluded.repairs, erased = excluded.erased, row_digest = excluded.row_digest;

-- name: PutDelivery :exec
INSERT INTO delivery (id_key, recipient, chain, sequence, state, reason, attempts, tries, troubles, parked, next_attempt,
    last_error, answers, answered, withdrawal, arrival, owner, token, valid_until, needed, commit_no, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
ON CONFLICT (id_key) DO UPDATE SET recipient = excluded.recipient, chain = excluded.chain, sequence = excluded.sequence,
    state = excluded.state, reason = excluded.reason, attempts = excluded.attempts, tries = excluded.tries, troubles = excluded.troubles,
    parked = excluded.parked, next_attempt = excluded.next_attempt,
    last_error = excluded.last_error, answers = excluded.answers, answered = excluded.answered,
    withdrawal = excluded.withdrawal, arrival = excluded.arrival, owner = excluded.owner,
    token = excluded.token, valid_until = excluded.valid_until, needed = excluded.needed, commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: SetDelivery :execrows
-- Only as long as nobody else has taken it.
UPDATE delivery SET state = $1, reason = $2, attempts = $3, tries = $4, troubles = $5, parked = $6, next_attempt = $7, last_error = $8,
    answered = $9, owner = sqlc.arg(next_owner), token = sqlc.arg(next_token), commit_no = $10, row_digest = sqlc.arg(row_digest)
WHERE id_key = $11 AND owner = $12 AND token = $13;

-- name: PutReceipt :exec
INSERT INTO receipt (id_key, number, verdict, verified, statement, row_digest) VALUES ($1, $2, $3, $4, $5, $6);

-- name: Receipts :many
SELECT * FROM receipt WHERE id_key = $1 ORDER BY number;

-- name: SetAnswers :execrows
UPDATE delivery SET answers = $1, commit_no = $2, row_digest = $4 WHERE id_key = $3;

-- name: SetToldArrival :execrows
UPDATE delivery SET arrival = $1, commit_no = $2, row_digest = $4 WHERE id_key = $3;

-- name: Delivery :one
SELECT * FROM delivery WHERE id_key = $1;

-- name: DeliveryState :one
SELECT state FROM delivery WHERE id_key = $1;

-- name: Withdraw :execrows
-- Only before any attempt; whoever has taken it finds that it is another's.
UPDATE delivery SET state = 'withdrawn', reason = $1, owner = '', token = token + 1, commit_no = $2, row_digest = $4
WHERE id_key = $3 AND state = 'queued' AND attempts = 0;

-- name: SetWithdrawal :execrows
UPDATE delivery SET withdrawal = $1, commit_no = $2, row_digest = $4 WHERE id_key = $3;

-- name: Message :one
-- With the receipt that gave it its state: the first verdict, or else the first that says that the partner has it.
SELECT sqlc.embed(m), sqlc.embed(d), p.bytes AS payload, c.bytes AS canonical, r.statement AS receipt
FROM message AS m JOIN delivery AS d ON d.id_key = m.id_key
LEFT JOIN content AS p ON p.digest = m.payload LEFT JOIN content AS c ON c.digest = m.canonical
LEFT JOIN receipt AS r ON r.id_key = m.id_key AND r.number = (SELECT l.number FROM receipt AS l WHERE l.id_key = m.id_key ORDER BY l.verdict = 'RCV', l.number LIMIT 1)
WHERE m.id_key = $1;

-- name: Messages :many
SELECT sqlc.embed(m), sqlc.embed(d), r.statement AS receipt FROM message AS m JOIN delivery AS d ON d.id_key = m.id_key
LEFT JOIN receipt AS r ON r.id_key = m.id_key AND r.number = (SELECT l.number FROM receipt AS l WHERE l.id_key = m.id_key ORDER BY l.verdict = 'RCV', l.number LIMIT 1)
WHERE m.whole_key = $1 ORDER BY m.version, m.part, m.created, m.id_key;

-- name: MessageByDocument :one
-- The last one, where a document was taken back and sent anew.
SELECT sqlc.embed(m), sqlc.embed(d), p.bytes AS payload, c.bytes AS canonical, r.statement AS receipt
FROM message AS m JOIN delivery AS d ON d.id_key = m.id_key
LEFT JOIN content AS p ON p.digest = m.payload LEFT JOIN content AS c ON c.digest = m.canonical
LEFT JOIN receipt AS r ON r.id_key = m.id_key AND r.number = (SELECT l.number FROM receipt AS l WHERE l.id_key = m.id_key ORDER BY l.verdict = 'RCV', l.number LIMIT 1)
WHERE m.document_key = $1 AND m.document_key <> '' AND d.recipient = $2
ORDER BY d.sequence DESC, d.id_key LIMIT 1;

-- name: Turns :many
-- Of each chain only the oldest that still waits for its verdict.
SELECT m.id, d.next_attempt, m.payload_size, d.owner, d.token
FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.owner = $1 AND d.recipient = $2 AND d.state IN ('queued', 'sent', 'received')
    AND NOT EXISTS (SELECT 1 FROM delivery AS older WHERE older.chain = d.chain AND older.state IN ('queued', 'sent', 'received')
        AND (older.sequence, older.id_key) < (d.sequence, d.id_key))
ORDER BY d.next_attempt, d.sequence, d.id_key LIMIT $3;

-- name: WaitingFor :many
-- By the commit that created each, without its documents.
SELECT sqlc.embed(m), sqlc.embed(d) FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.recipient = sqlc.arg(recipient) AND d.recipient <> '' AND d.state IN ('queued', 'sent', 'received') AND d.sequence >= sqlc.arg(least) AND d.sequence <= sqlc.arg(upto)
ORDER BY d.sequence, d.id_key LIMIT sqlc.arg(most);
-- name: NearestTurns :many
-- Of what is needed from an instant on, as much as is looked at, what is due: what is needed first goes first.
SELECT m.id, d.next_attempt, m.payload_size, d.owner, d.token
FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.id_key IN (SELECT n.id_key FROM delivery AS n WHERE n.recipient = sqlc.arg(recipient) AND n.state IN ('queued', 'sent', 'received')
        AND n.needed >= sqlc.arg(needed) ORDER BY n.needed, n.id_key LIMIT sqlc.arg(looked))
    AND d.owner = sqlc.arg(owner) AND d.next_attempt <= sqlc.arg(due)
    AND NOT EXISTS (SELECT 1 FROM delivery AS older WHERE older.chain = d.chain AND older.state IN ('queued', 'sent', 'received')
        AND (older.sequence, older.id_key) < (d.sequence, d.id_key))
ORDER BY d.needed, d.id_key LIMIT sqlc.arg(most);

-- name: LapsedTurns :many
-- Those whose validity is over, and that are due.
SELECT m.id, d.next_attempt, m.payload_size, d.owner, d.token
FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.recipient = sqlc.arg(recipient) AND d.state IN ('queued', 'sent', 'received') AND d.valid_until < sqlc.arg(past) AND d.next_attempt <= sqlc.arg(due) AND d.owner = sqlc.arg(owner)
ORDER BY d.valid_until, d.id_key LIMIT sqlc.arg(most);

-- name: WaitingMessages :many
SELECT sqlc.embed(m), sqlc.embed(d) FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.recipient = sqlc.arg(recipient) AND d.state IN ('queued', 'sent', 'received') AND (d.needed, d.id_key) > (sqlc.arg(needed), sqlc.arg(id_key))
ORDER BY d.needed, d.id_key LIMIT sqlc.arg(most);

-- name: ChainHead :one
-- The oldest of a chain that waits still.
SELECT m.id FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.chain = $1 AND d.state IN ('queued', 'sent', 'received')
ORDER BY d.sequence, d.id_key LIMIT 1;

-- name: HastenMessage :execrows
UPDATE delivery SET next_attempt = sqlc.arg(next_attempt), commit_no = sqlc.arg(commit_no)
WHERE id_key = sqlc.arg(id_key) AND state IN ('queued', 'sent', 'received') AND NOT parked AND next_attempt > sqlc.arg(next_attempt);

-- name: HastenMessages :execrows
UPDATE delivery SET next_attempt = sqlc.arg(next_attempt), commit_no = sqlc.arg(commit_no)
WHERE id_key IN (SELECT d.id_key FROM delivery AS d WHERE d.recipient = sqlc.arg(recipient) AND d.state IN ('queued', 'sent', 'received')
    AND NOT d.parked AND d.next_attempt > sqlc.arg(next_attempt) ORDER BY d.needed, d.id_key LIMIT sqlc.arg(most));

-- name: DeadLetters :many
SELECT sqlc.embed(m), sqlc.embed(d) FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.state = 'dead' AND d.commit_no >= sqlc.arg(least) AND d.commit_no <= sqlc.arg(upto)
ORDER BY d.commit_no DESC, d.id_key DESC LIMIT sqlc.arg(most);

-- name: Redrive :execrows
-- Whoever thinks that it is its own finds that it is not.
UPDATE delivery SET state = sqlc.arg(state), reason = '', valid_until = sqlc.arg(valid_until), next_attempt = sqlc.arg(next_attempt), tries = 0, troubles = 0,
    parked = FALSE, owner = '', token = token + 1, commit_no = sqlc.arg(commit_no), row_digest = sqlc.arg(row_digest)
WHERE id_key = sqlc.arg(id_key) AND state = 'dead';

-- name: SettleMessage :execrows
UPDATE delivery SET state = 'settled', reason = $1, owner = '', token = token + 1, commit_no = $2, row_digest = $4 WHERE id_key = $3 AND state = 'dead';

-- name: RepairOf :many
-- What was made anew in the place of a message, the last first.
SELECT sqlc.embed(m), sqlc.embed(d) FROM message AS m JOIN delivery AS d ON d.id_key = m.id_key
WHERE m.repairs = $1 AND m.repairs <> '' ORDER BY d.sequence DESC, d.id_key LIMIT $2;

-- name: PutSettlement :exec
INSERT INTO settlement (id_key, recipient, reason, evidence, proposed, proposed_by, confirmed, confirmed_by, commit_no, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id_key) DO UPDATE SET reason = excluded.reason, evidence = excluded.evidence, proposed = excluded.proposed,
    proposed_by = excluded.proposed_by, confirmed = excluded.confirmed, confirmed_by = excluded.confirmed_by, commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: Settlement :one
SELECT * FROM settlement WHERE id_key = $1;

-- name: DropSettlement :exec
-- What nobody has confirmed.
DELETE FROM settlement WHERE id_key = $1 AND confirmed = '';

-- name: SettledWith :many
-- What was settled of messages to a partner, by when.
SELECT m.id, m.payload_digest, s.confirmed
FROM settlement AS s JOIN message AS m ON m.id_key = s.id_key
WHERE s.recipient = sqlc.arg(recipient) AND s.confirmed <> '' AND (s.confirmed, s.id_key) > (sqlc.arg(after), sqlc.arg(after_key)) AND s.confirmed < sqlc.arg(upto)
ORDER BY s.confirmed, s.id_key LIMIT sqlc.arg(most);

-- name: ParkedMessages :many
SELECT sqlc.embed(m), sqlc.embed(d), r.statement AS receipt FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
LEFT JOIN receipt AS r ON r.id_key = m.id_key AND r.number = (SELECT l.number FROM receipt AS l WHERE l.id_key = m.id_key ORDER BY l.verdict = 'RCV', l.number LIMIT 1)
WHERE d.parked AND d.commit_no >= sqlc.arg(least) AND d.commit_no <= sqlc.arg(upto)
ORDER BY d.commit_no, d.id_key LIMIT sqlc.arg(most);

-- name: Waiting :many
-- It costs what the queue is long.
SELECT d.recipient, m.route, d.state, count(*) AS messages, CAST(min(m.created) AS TEXT) AS oldest
FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.state IN ('queued', 'sent', 'received') GROUP BY d.recipient, m.route, d.state
ORDER BY d.recipient, m.route, d.state;

-- name: PutAnnounced :exec
INSERT INTO announced (route, subject, message_id, row_digest) VALUES ($1, $2, $3, $4)
ON CONFLICT (route, subject) DO UPDATE SET message_id = excluded.message_id, row_digest = excluded.row_digest;

-- name: Announced :one
SELECT * FROM announced WHERE route = $1 AND subject = $2;

-- name: PutRegistered :exec
INSERT INTO registered (partner, number, id_key, row_digest) VALUES ($1, $2, $3, $4)
ON CONFLICT (partner, number, id_key) DO NOTHING;

-- name: Registered :many
SELECT id_key FROM registered WHERE partner = $1 AND number = $2 ORDER BY id_key LIMIT $3;

-- name: PutInbound :exec
INSERT INTO inbox (sender, id_key, id, kind, document_id, document_key, state, received, expected_arrival, late_by, payload_digest,
    canonical, canonical_digest, mapping, faults, unread, answers, receipt, acknowledged_by, acknowledged_at, movement_id,
    conversation, batch, replaces, offices, erased, accepted_no, commit_no, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)
ON CONFLICT (sender, id_key) DO UPDATE SET id = excluded.id, kind = excluded.kind, document_id = excluded.document_id,
    document_key = excluded.document_key, state = excluded.state, received = excluded.received,
    expected_arrival = excluded.expected_arrival, late_by = excluded.late_by, payload_digest = excluded.payload_digest,
    canonical = excluded.canonical, canonical_digest = excluded.canonical_digest, mapping = excluded.mapping,
    faults = excluded.faults, unread = excluded.unread, answers = excluded.answers, receipt = excluded.receipt,
    acknowledged_by = excluded.acknowledged_by, acknowledged_at = excluded.acknowledged_at, movement_id = excluded.movement_id,
    conversation = excluded.conversation, batch = excluded.batch, replaces = excluded.replaces, offices = excluded.offices, erased = excluded.erased,
    accepted_no = CASE WHEN inbox.accepted_no > 0 THEN inbox.accepted_no ELSE excluded.accepted_no END, commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: AcknowledgeInbound :execrows
-- The first counts.
UPDATE inbox SET acknowledged_by = $1, acknowledged_at = $2, commit_no = $3, row_digest = $6 WHERE sender = $4 AND id_key = $5 AND length(acknowledged_by) = 0;

-- name: InboxRow :one
SELECT * FROM inbox WHERE sender = $1 AND id_key = $2;

-- name: Inbound :one
SELECT sqlc.embed(i), f.bytes AS faults, u.bytes AS unread, r.bytes AS receipt, c.bytes AS canonical
FROM inbox AS i LEFT JOIN content AS f ON f.digest = i.faults LEFT JOIN content AS u ON u.digest = i.unread
LEFT JOIN content AS r ON r.digest = i.receipt LEFT JOIN content AS c ON c.digest = i.canonical
WHERE i.sender = $1 AND i.id_key = $2;

-- name: InboundsByID :many
SELECT sqlc.embed(i), f.bytes AS faults, u.bytes AS unread, r.bytes AS receipt, c.bytes AS canonical
FROM inbox AS i LEFT JOIN content AS f ON f.digest = i.faults LEFT JOIN content AS u ON u.digest = i.unread
LEFT JOIN content AS r ON r.digest = i.receipt LEFT JOIN content AS c ON c.digest = i.canonical
WHERE i.id_key = $1 ORDER BY i.sender;

-- name: InboundByDocument :one
-- The last one, where a document was refused or taken back and sent anew.
SELECT sqlc.embed(i), f.bytes AS faults, u.bytes AS unread, r.bytes AS receipt, c.bytes AS canonical
FROM inbox AS i LEFT JOIN content AS f ON f.digest = i.faults LEFT JOIN content AS u ON u.digest = i.unread
LEFT JOIN content AS r ON r.digest = i.receipt LEFT JOIN content AS c ON c.digest = i.canonical
WHERE i.sender = $1 AND i.document_key = $2 AND i.document_key <> '' AND i.state = 'accepted'
ORDER BY i.commit_no DESC, i.id DESC LIMIT 1;

-- name: InboxInState :many
SELECT sqlc.embed(i), f.bytes AS faults, u.bytes AS unread, r.bytes AS receipt
FROM inbox AS i LEFT JOIN content AS f ON f.digest = i.faults LEFT JOIN content AS u ON u.digest = i.unread
LEFT JOIN content AS r ON r.digest = i.receipt
WHERE i.state = sqlc.arg(state) AND i.commit_no >= sqlc.arg(least) AND i.commit_no <= sqlc.arg(upto)
ORDER BY i.commit_no, i.id LIMIT sqlc.arg(most);

-- name: InboxWaiting :many
SELECT sqlc.embed(i), f.bytes AS faults, u.bytes AS unread, r.bytes AS receipt
FROM inbox AS i LEFT JOIN content AS f ON f.digest = i.faults LEFT JOIN content AS u ON u.digest = i.unread
LEFT JOIN content AS r ON r.digest = i.receipt
WHERE i.state = sqlc.arg(state) AND i.acknowledged_by = '' AND i.commit_no >= sqlc.arg(least) AND i.commit_no <= sqlc.arg(upto)
    AND (CAST(sqlc.arg(kind) AS TEXT) = '' OR i.kind = CAST(sqlc.arg(kind) AS TEXT))
ORDER BY i.commit_no, i.id LIMIT sqlc.arg(most);

-- name: InboxOfKind :many
SELECT sqlc.embed(i), f.bytes AS faults, u.bytes AS unread, r.bytes AS receipt
FROM inbox AS i LEFT JOIN content AS f ON f.digest = i.faults LEFT JOIN content AS u ON u.digest = i.unread
LEFT JOIN content AS r ON r.digest = i.receipt
WHERE i.state = sqlc.arg(state) AND i.kind = sqlc.arg(kind) AND i.commit_no >= sqlc.arg(least) AND i.commit_no <= sqlc.arg(upto)
ORDER BY i.commit_no, i.id LIMIT sqlc.arg(most);

-- name: InboxAccepted :many
SELECT sqlc.embed(i), f.bytes AS faults, u.bytes AS unread, r.bytes AS receipt
FROM inbox AS i LEFT JOIN content AS f ON f.digest = i.faults LEFT JOIN content AS u ON u.digest = i.unread
LEFT JOIN content AS r ON r.digest = i.receipt
WHERE i.accepted_no > 0 AND i.accepted_no >= sqlc.arg(least) AND i.accepted_no <= sqlc.arg(upto)
ORDER BY i.accepted_no, i.sender, i.id_key LIMIT sqlc.arg(most);

-- name: PutMovement :exec
INSERT INTO movement (id_key, id, opened, first_time, last_time, due, body, commit_no, row_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (id_key) DO UPDATE SET id = excluded.id, opened = excluded.opened, first_time = excluded.first_time, last_time = excluded.last_time, due = excluded.due, body = excluded.body, commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: PutMovementIdentifier :exec
INSERT INTO movement_identifier (id_key, kind, folded, first_time, last_time, commit_no) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id_key, kind, folded) DO UPDATE SET first_time = excluded.first_time, last_time = excluded.last_time, commit_no = excluded.commit_no;

-- name: PutMovementOffice :exec
INSERT INTO movement_office (id_key, office, roles, kinds, state, worklist, since, expected, differs, commit_no, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (id_key, office) DO UPDATE SET roles = excluded.roles, kinds = excluded.kinds, state = excluded.state, worklist = excluded.worklist,
    since = excluded.since, expected = excluded.expected, differs = excluded.differs, commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: PutUnaccepted :exec
INSERT INTO unaccepted (message_key, movement_key) VALUES ($1, $2) ON CONFLICT (message_key) DO NOTHING;

-- name: UnacceptedNoMore :many
DELETE FROM unaccepted WHERE message_key = $1 RETURNING movement_key;

-- name: UnacceptedOf :many
SELECT message_key FROM unaccepted WHERE movement_key = $1 ORDER BY message_key LIMIT $2;

-- name: ForgetUnaccepted :exec
DELETE FROM unaccepted WHERE movement_key = $1;

-- name: ForgetIdentifiers :exec
DELETE FROM movement_identifier WHERE id_key = $1;

-- name: ForgetListed :exec
DELETE FROM movement_office WHERE id_key = $1;

-- name: SetWorklist :exec
UPDATE movement_office SET worklist = sqlc.arg(now), since = sqlc.arg(since) WHERE id_key = sqlc.arg(id_key);

-- name: MovementsInWorklist :many
SELECT * FROM movement_office WHERE office = sqlc.arg(office) AND worklist = sqlc.arg(worklist) AND worklist <> '' AND (since, id_key) > (sqlc.arg(since), sqlc.arg(id_key))
ORDER BY since, id_key LIMIT sqlc.arg(most);

-- name: MovementsExpected :many
SELECT * FROM movement_office WHERE office = sqlc.arg(office) AND expected <> '' AND (expected, id_key) > (sqlc.arg(expected), sqlc.arg(id_key)) AND expected < sqlc.arg(until)
ORDER BY expected, id_key LIMIT sqlc.arg(most);

-- name: MovementsDiffering :many
SELECT * FROM movement_office WHERE office = sqlc.arg(office) AND differs AND (commit_no, id_key) < (sqlc.arg(commit_no), CAST(sqlc.arg(id_key) AS TEXT))
ORDER BY commit_no DESC, id_key DESC LIMIT sqlc.arg(most);

-- name: MovementsInState :many
SELECT * FROM movement_office WHERE office = sqlc.arg(office) AND state = sqlc.arg(state) AND (commit_no, id_key) < (sqlc.arg(commit_no), CAST(sqlc.arg(id_key) AS TEXT))
ORDER BY commit_no DESC, id_key DESC LIMIT sqlc.arg(most);

-- name: MovementsOfOffice :many
SELECT * FROM movement_office WHERE office = sqlc.arg(office) AND (commit_no, id_key) < (sqlc.arg(commit_no), CAST(sqlc.arg(id_key) AS TEXT))
ORDER BY commit_no DESC, id_key DESC LIMIT sqlc.arg(most);

-- name: MovementOffice :one
SELECT * FROM movement_office WHERE id_key = $1 AND office = $2;

-- name: PutCrossing :exec
INSERT INTO crossing (id_key, month, exit_office, entry_office, basis, inspected, commit_no) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id_key) DO UPDATE SET month = excluded.month, exit_office = excluded.exit_office, entry_office = excluded.entry_office, basis = excluded.basis,
    inspected = excluded.inspected, commit_no = excluded.commit_no;

-- name: ForgetCrossing :exec
DELETE FROM crossing WHERE id_key = $1;

-- name: Crossings :many
SELECT exit_office, entry_office, basis, inspected, COUNT(*) AS n FROM crossing WHERE month = sqlc.arg(month)
GROUP BY exit_office, entry_office, basis, inspected ORDER BY exit_office, entry_office, basis, inspected LIMIT sqlc.arg(most);

-- name: CrossingsBetween :many
SELECT exit_office, entry_office, basis, inspected, COUNT(*) AS n FROM crossing
WHERE month = sqlc.arg(month) AND exit_office = sqlc.arg(exit_office) AND entry_office = sqlc.arg(entry_office)
GROUP BY exit_office, entry_office, basis, inspected ORDER BY exit_office, entry_office, basis, inspected LIMIT sqlc.arg(most);

-- name: MovementsDue :many
SELECT * FROM movement WHERE due <> '' AND due <= $1
ORDER BY due, id_key LIMIT $2;

-- name: Movement :one
SELECT * FROM movement WHERE id_key = $1;

-- name: AddAudit :exec
INSERT INTO audit (leaf, commit_no, ordinal, at, actor, event, subject, digest, row_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: Audit :many
SELECT * FROM audit WHERE commit_no >= sqlc.arg(least) AND commit_no <= sqlc.arg(upto)
ORDER BY commit_no, ordinal LIMIT sqlc.arg(most);

-- name: ReceivedFrom :many
-- What a partner has sent, by when it came.
SELECT a.id, a.digest, a.received, a.header,
    CAST(coalesce((SELECT i.state FROM inbox AS i WHERE i.sender = a.party AND i.id_key = a.id_key), '') AS TEXT) AS state
FROM arrival AS a
WHERE a.door = 'peer' AND a.header IS NOT NULL AND a.party = sqlc.arg(party) AND (a.received, a.id_key) > (sqlc.arg(after), sqlc.arg(after_key)) AND a.received < sqlc.arg(upto)
ORDER BY a.received, a.id_key LIMIT sqlc.arg(most);

-- name: AnsweredBy :many
-- What a partner has given a receipt for, by when the last of each was verified.
SELECT m.id, m.payload_digest, d.answered, d.state
FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.recipient = sqlc.arg(recipient) AND d.answered <> '' AND (d.answered, d.id_key) > (sqlc.arg(after), sqlc.arg(after_key)) AND d.answered < sqlc.arg(upto)
ORDER BY d.answered, d.id_key LIMIT sqlc.arg(most);

-- name: ReceivedOne :one
SELECT a.id, a.digest,
    CAST(coalesce((SELECT i.state FROM inbox AS i WHERE i.sender = a.party AND i.id_key = a.id_key), '') AS TEXT) AS state
FROM arrival AS a
WHERE a.door = $1 AND a.party = $2 AND a.id_key = $3;

-- name: SentOne :one
SELECT m.id, m.payload_digest, d.state, d.answered
FROM message AS m JOIN delivery AS d ON d.id_key = m.id_key WHERE m.id_key = $1 AND d.recipient = $2;

-- name: PutBalance :exec
INSERT INTO balance (partner, restored, upto, at, compared, row_digest) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (partner) DO UPDATE SET restored = excluded.restored, upto = excluded.upto, at = excluded.at, compared = excluded.compared, row_digest = excluded.row_digest;

-- name: Balance :one
SELECT * FROM balance WHERE partner = $1;

-- name: PutDifference :exec
INSERT INTO difference (partner, sent, id_key, id, code, ours, theirs, verdict, says, kind, document_id, batch, statement,
    found, settled, commit_no)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (partner, sent, id_key) DO UPDATE SET id = excluded.id, code = excluded.code, ours = excluded.ours, theirs = excluded.theirs,
    verdict = excluded.verdict, says = excluded.says, kind = excluded.kind,
    document_id = excluded.document_id, batch = excluded.batch, statement = excluded.statement, found = excluded.found, settled = excluded.settled,
    commit_no = excluded.commit_no;

-- name: Difference :one
SELECT * FROM difference WHERE partner = $1 AND sent = $2 AND id_key = $3;

-- name: SettleDifference :execrows
UPDATE difference SET settled = $1, commit_no = $2 WHERE partner = $3 AND sent = $4 AND id_key = $5;

-- name: OpenDifferences :many
SELECT * FROM difference WHERE partner = sqlc.arg(partner) AND settled = '' AND commit_no >= sqlc.arg(least) AND commit_no <= sqlc.arg(upto)
ORDER BY commit_no, sent, id_key LIMIT sqlc.arg(most);

-- name: MessagesBefore :many
SELECT sqlc.embed(m), sqlc.embed(d) FROM delivery AS d JOIN message AS m ON m.id_key = d.id_key
WHERE d.commit_no >= sqlc.arg(least) AND d.commit_no <= sqlc.arg(upto)
ORDER BY d.commit_no DESC, d.id_key DESC LIMIT sqlc.arg(most);

-- name: InboxBefore :many
SELECT sqlc.embed(i), f.bytes AS faults, u.bytes AS unread, r.bytes AS receipt
FROM inbox AS i LEFT JOIN content AS f ON f.digest = i.faults LEFT JOIN content AS u ON u.digest = i.unread
LEFT JOIN content AS r ON r.digest = i.receipt
WHERE i.commit_no >= sqlc.arg(least) AND i.commit_no <= sqlc.arg(upto)
ORDER BY i.commit_no DESC, i.sender DESC, i.id_key DESC LIMIT sqlc.arg(most);

-- name: AuditOfSubject :many
SELECT * FROM audit WHERE subject = sqlc.arg(subject) AND commit_no >= sqlc.arg(least) AND commit_no <= sqlc.arg(upto)
ORDER BY commit_no, ordinal LIMIT sqlc.arg(most);

-- name: AuditOfActor :many
SELECT * FROM audit WHERE actor = sqlc.arg(actor) AND commit_no >= sqlc.arg(least) AND commit_no <= sqlc.arg(upto)
ORDER BY commit_no, ordinal LIMIT sqlc.arg(most);

-- name: AuditLeaf :one
SELECT * FROM audit WHERE leaf = $1;

-- name: AddSupervised :exec
INSERT INTO supervised (leaf, office, at, kind, caller, reason, movement, subject, row_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: SupervisedOf :many
SELECT * FROM supervised WHERE office = sqlc.arg(office) AND (at, leaf) > (sqlc.arg(after), CAST(sqlc.arg(leaf) AS BIGINT)) AND at < sqlc.arg(until)
ORDER BY at, leaf LIMIT sqlc.arg(most);

-- name: SupervisedBy :many
SELECT at FROM supervised WHERE caller = sqlc.arg(caller) AND kind = sqlc.arg(kind) AND at > sqlc.arg(since)
ORDER BY at DESC LIMIT sqlc.arg(most);

-- name: PutSubscription :exec
INSERT INTO subscription (owner, name, filter, created, created_by, position, fetched, fetched_by, ended, ended_by, commit_no, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (owner, name) DO UPDATE SET position = excluded.position, fetched = excluded.fetched, fetched_by = excluded.fetched_by,
    ended = excluded.ended, ended_by = excluded.ended_by, commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: Subscription :one
SELECT * FROM subscription WHERE owner = $1 AND name = $2;

-- name: Subscriptions :many
SELECT * FROM subscription WHERE owner = $1 AND ended = '' ORDER BY name LIMIT $2;

-- name: PassSubscription :exec
-- Only from where it was seen.
UPDATE subscription SET position = sqlc.arg(next), row_digest = sqlc.arg(row_digest) WHERE owner = sqlc.arg(owner) AND name = sqlc.arg(name) AND position = sqlc.arg(position) AND ended = '';

-- name: PutHandout :exec
INSERT INTO handout (owner, subscription, id_key, sender, id, accepted_no, lease, holder, until, times, acknowledged, acknowledged_by, commit_no, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (owner, subscription, id_key, sender) DO UPDATE SET lease = excluded.lease, holder = excluded.holder, until = excluded.until,
    times = excluded.times, acknowledged = excluded.acknowledged, acknowledged_by = excluded.acknowledged_by, commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: HandoutsByID :many
-- One of each sender that has used the id.
SELECT * FROM handout WHERE owner = $1 AND subscription = $2 AND id_key = $3 ORDER BY sender;

-- name: HandoutsUntil :many
-- Those that are not acknowledged and whose lease is over, of which the last argument is as many as are wanted.
SELECT * FROM handout WHERE owner = $1 AND subscription = $2 AND acknowledged = '' AND until <= $3
ORDER BY until, accepted_no, id_key, sender LIMIT $4;

-- name: HandoutsUnder :many
SELECT * FROM handout WHERE owner = $1 AND subscription = $2 AND acknowledged = '' AND lease = $3 AND lease <> ''
ORDER BY id_key, sender LIMIT $4;

-- name: CountHandouts :one
-- As many as one subscription may have open at most.
SELECT count(*) AS open FROM handout WHERE owner = $1 AND subscription = $2 AND acknowledged = '';

-- name: AcknowledgementsOf :many
SELECT subscription, acknowledged, acknowledged_by FROM handout WHERE id_key = $1 AND sender = $2 AND owner = $3 AND acknowledged <> ''
ORDER BY subscription LIMIT $4;

-- name: PutNumberBlock :exec
INSERT INTO number_block (office, first, series, size, taken, handed_over, handed_over_by, commit_no, row_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (series, first) DO UPDATE SET office = excluded.office, size = excluded.size, taken = excluded.taken, handed_over = excluded.handed_over,
    handed_over_by = excluded.handed_over_by, commit_no = excluded.commit_no, row_digest = excluded.row_digest;

-- name: NumberBlockUpto :one
-- The block of a series that begins last, not behind a number.
SELECT * FROM number_block WHERE series = $1 AND first <= $2 ORDER BY first DESC LIMIT 1;

-- name: NumberBlocksLeft :many
-- Those of an office that have numbers left, in the order in which they are taken from.
SELECT * FROM number_block WHERE office = $1 AND taken < size ORDER BY handed_over, first LIMIT $2;

-- name: NumberBlocks :many
SELECT * FROM number_block WHERE office = $1 ORDER BY handed_over DESC, series DESC, first DESC LIMIT $2;

-- name: PutNumberUse :exec
INSERT INTO number_use (number, office, message_id, taken, commit_no, row_digest) VALUES ($1, $2, $3, $4, $5, $6);

-- name: NumberUses :many
SELECT * FROM number_use WHERE office = sqlc.arg(office) AND (commit_no, number) < (CAST(sqlc.arg(before) AS BIGINT), CAST(sqlc.arg(number) AS TEXT))
ORDER BY commit_no DESC, number DESC LIMIT sqlc.arg(most);

-- name: PutAttachment :exec
-- Whose it is to fetch it says who claims it.
INSERT INTO attachment (door, party, digest, media_type, size, received, state, reason, created, caller, message_id, changed, named, until, rule, tries, next_try, owner, token, commit_no)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '', 0, $18)
ON CONFLICT (door, party, digest) DO UPDATE SET media_type = excluded.media_type, size = excluded.size, received = excluded.received,
    state = excluded.state, reason = excluded.reason, created = excluded.created, caller = excluded.caller, message_id = excluded.message_id, changed = excluded.changed,
    named = excluded.named, until = excluded.until, rule = excluded.rule, tries = excluded.tries, next_try = excluded.next_try, commit_no = excluded.commit_no;

-- name: SetAttachment :execrows
-- Only by whose it is, and as long as it is coming.
UPDATE attachment SET received = $1, state = $2, reason = $3, changed = $4, until = $5, tries = $6, next_try = $7, commit_no = $8
WHERE door = $9 AND party = $10 AND digest = $11 AND owner = $12 AND token = $13 AND state = 'coming';

-- name: Attachment :one
SELECT * FROM attachment WHERE door = $1 AND party = $2 AND digest = $3;

-- name: AttachmentsDue :many
SELECT * FROM attachment
WHERE door = 'peer' AND state = 'coming' AND party = sqlc.arg(party) AND owner = sqlc.arg(owner) AND next_try <= sqlc.arg(at)
ORDER BY next_try, digest LIMIT sqlc.arg(most);

-- name: AttachmentsOver :many
SELECT * FROM attachment WHERE until <> '' AND until <= $1 ORDER BY until, door, party, digest LIMIT $2;

-- name: AttachmentsKept :many
-- The sizes of those of a party whose bytes are kept and that a message names, or that none does.
SELECT size FROM attachment WHERE until <> '' AND door = sqlc.arg(door) AND party = sqlc.arg(party) AND named = sqlc.arg(named) LIMIT sqlc.arg(most);

-- name: DropAttachment :exec
DELETE FROM attachment WHERE door = $1 AND party = $2 AND digest = $3;

-- name: PutAttachmentChunk :exec
INSERT INTO attachment_chunk (door, party, digest, number, bytes) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (door, party, digest, number) DO UPDATE SET bytes = excluded.bytes;

-- name: AttachmentChunk :one
SELECT bytes FROM attachment_chunk WHERE door = $1 AND party = $2 AND digest = $3 AND number = $4;

-- name: DropAttachmentChunks :exec
DELETE FROM attachment_chunk WHERE door = $1 AND party = $2 AND digest = $3;

-- name: PutAttachmentUse :exec
INSERT INTO attachment_use (door, message_key, party, digest, number, name, kind, media_type, size, denied, until, handed_over, commit_no)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (door, message_key, party, digest) DO UPDATE SET denied = excluded.denied, until = excluded.until, handed_over = excluded.handed_over, commit_no = excluded.commit_no;

-- name: AttachmentUses :many
SELECT * FROM attachment_use WHERE door = $1 AND message_key = $2 ORDER BY party, digest LIMIT $3;

-- name: PutKept :exec
INSERT INTO kept (door, party, id_key, id, until, rule, erased, commit_no, row_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (door, party, id_key) DO UPDATE SET until = excluded.until, rule = excluded.rule, erased = excluded.erased, commit_no = excluded.commit_no,
    row_digest = excluded.row_digest;

-- name: Kept :one
SELECT * FROM kept WHERE door = $1 AND party = $2 AND id_key = $3;

-- name: KeptOver :many
SELECT * FROM kept WHERE erased = '' AND until <= sqlc.arg(until) ORDER BY until, door, party, id_key LIMIT sqlc.arg(most);

-- name: ArrivalRow :one
SELECT * FROM arrival WHERE door = $1 AND party = $2 AND id_key = $3;

-- name: EraseArrival :exec
UPDATE arrival SET erased = TRUE, row_digest = $4 WHERE door = $1 AND party = $2 AND id_key = $3;

-- name: SubmissionRow :one
SELECT * FROM submission WHERE office = $1 AND id_key = $2;

-- name: EraseSubmission :exec
UPDATE submission SET erased = TRUE, row_digest = $3 WHERE office = $1 AND id_key = $2;

-- name: JudgementRows :many
-- Those that are not erased.
SELECT * FROM judgement WHERE office = $1 AND id_key = $2 AND NOT erased ORDER BY number LIMIT $3;

-- name: EraseJudgement :exec
UPDATE judgement SET erased = TRUE, row_digest = $4 WHERE office = $1 AND id_key = $2 AND number = $3;

-- name: MessageRow :one
SELECT * FROM message WHERE id_key = $1;

-- name: EraseMessage :exec
UPDATE message SET erased = TRUE, row_digest = $2 WHERE id_key = $1;

-- name: EraseInbound :exec
UPDATE inbox SET erased = TRUE, row_digest = $3 WHERE sender = $1 AND id_key = $2;

-- name: IsNamed :one
-- Whether a document is one of a row's that is not erased, or a statement, which is kept for good.
SELECT CAST(EXISTS (SELECT 1 FROM arrival AS a WHERE a.content = sqlc.arg(digest) AND NOT a.erased)
    OR EXISTS (SELECT 1 FROM submission AS s WHERE s.canonical = sqlc.arg(digest) AND NOT s.erased)
    OR EXISTS (SELECT 1 FROM submission AS s WHERE s.faults = sqlc.arg(digest) AND NOT s.erased)
    OR EXISTS (SELECT 1 FROM judgement AS j WHERE j.faults = sqlc.arg(digest) AND NOT j.erased)
    OR EXISTS (SELECT 1 FROM message AS m WHERE m.payload = sqlc.arg(digest) AND NOT m.erased)
    OR EXISTS (SELECT 1 FROM message AS m WHERE m.canonical = sqlc.arg(digest) AND NOT m.erased)
    OR EXISTS (SELECT 1 FROM inbox AS i WHERE i.canonical = sqlc.arg(digest) AND NOT i.erased)
    OR EXISTS (SELECT 1 FROM inbox AS i WHERE i.faults = sqlc.arg(digest) AND NOT i.erased)
    OR EXISTS (SELECT 1 FROM inbox AS i WHERE i.unread = sqlc.arg(digest) AND NOT i.erased)
    OR EXISTS (SELECT 1 FROM inbox AS i WHERE i.receipt = sqlc.arg(digest))
    OR EXISTS (SELECT 1 FROM difference AS d WHERE d.statement = sqlc.arg(digest)) AS BOOLEAN) AS named;

-- name: DropContent :exec
DELETE FROM content WHERE digest = $1;
