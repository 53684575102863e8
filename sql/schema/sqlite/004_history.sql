-- Version 4. Rerunnable: a column that is there already is passed over.

-- Failures by class; they were not kept before.
ALTER TABLE rollups ADD COLUMN failed_timeout INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN failed_connection INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN failed_constraint INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN failed_serialization INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN failed_statement INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN failed_other INTEGER NOT NULL DEFAULT 0;

-- The command of an event of the kind CONTROL, as JSON; null for the others.
ALTER TABLE run_events ADD COLUMN command TEXT;

-- An event and its command were written together, and the event's text begins
-- with the command's number.
UPDATE run_events SET command = json_object(
    'sequence', c.sequence, 'at', c.at_us, 'action', json(c.action)
)
FROM control_events c
WHERE run_events.kind = 'CONTROL' AND run_events.command IS NULL
    AND c.run_id = run_events.run_id
    AND run_events.message LIKE 'command ' || c.sequence || ':%';
