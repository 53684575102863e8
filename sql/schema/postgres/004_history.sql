-- Version 4. Rerunnable.

-- Failures by class; they were not kept before.
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS failed_timeout BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS failed_connection BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS failed_constraint BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS failed_serialization BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS failed_statement BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS failed_other BIGINT NOT NULL DEFAULT 0;

-- The command of an event of the kind CONTROL, as JSON; null for the others.
ALTER TABLE run_events ADD COLUMN IF NOT EXISTS command TEXT COLLATE "C";

-- An event and its command were written together, and the event's text begins
-- with the command's number.
UPDATE run_events SET command = json_build_object(
    'sequence', c.sequence, 'at', c.at_us, 'action', c.action::json
)::text
FROM control_events c
WHERE run_events.kind = 'CONTROL' AND run_events.command IS NULL
    AND c.run_id = run_events.run_id
    AND c.sequence = substring(run_events.message FROM '^command ([0-9]+):')::bigint;
