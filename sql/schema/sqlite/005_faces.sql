-- Version 5. Rerunnable: a column that is there already is passed over.

-- The file that a version was made from; null when it was not made from one.
ALTER TABLE template_versions ADD COLUMN source TEXT;

-- The load of the spec as JSON, and whether there is a search: lists show them
-- and need not read the spec.
ALTER TABLE runs ADD COLUMN load_spec TEXT;
ALTER TABLE runs ADD COLUMN finds_max INTEGER NOT NULL DEFAULT 0;
-- Takes the place of search, which is null from now on: it is still the last
-- column, so that lists need not read a search's steps.
ALTER TABLE runs ADD COLUMN progress TEXT;

UPDATE runs SET load_spec = json_extract(spec, '$.load'),
    finds_max = coalesce(json_type(spec, '$.control.search'), 'null') <> 'null',
    progress = search, search = NULL
WHERE load_spec IS NULL;

-- What lists are filtered by, in the indexes that they walk along: a run that is
-- passed over is not read.
DROP INDEX IF EXISTS runs_by_scope_1;
DROP INDEX IF EXISTS runs_by_scope_1_status;
DROP INDEX IF EXISTS runs_by_scope_2;
DROP INDEX IF EXISTS runs_by_scope_2_status;
DROP INDEX IF EXISTS runs_by_scope_3;
DROP INDEX IF EXISTS runs_by_scope_3_status;
CREATE INDEX IF NOT EXISTS runs_by_scope_1_created
    ON runs (scope_1, created_us, run_id, load, verdict, validity, name);
CREATE INDEX IF NOT EXISTS runs_by_scope_1_in_status
    ON runs (scope_1, status, created_us, run_id, template, load, verdict, validity, name);
CREATE INDEX IF NOT EXISTS runs_by_scope_2_created
    ON runs (scope_2, created_us, run_id, load, verdict, validity, name)
    WHERE scope_2 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_2_in_status
    ON runs (scope_2, status, created_us, run_id, template, load, verdict, validity, name)
    WHERE scope_2 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_3_created
    ON runs (scope_3, created_us, run_id, load, verdict, validity, name)
    WHERE scope_3 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_3_in_status
    ON runs (scope_3, status, created_us, run_id, template, load, verdict, validity, name)
    WHERE scope_3 IS NOT NULL;

-- The phase that a worker entered, as JSON; null for all other events.
ALTER TABLE run_events ADD COLUMN entered TEXT;

-- Workers told of phases in words only, and words had instants in microseconds.
UPDATE run_events SET entered = json_object(
    'phase', substr(message, instr(message, ' ') + 1, instr(message, ' at ') - instr(message, ' ') - 1),
    'at', CAST(substr(message, instr(message, ' at ') + 4) AS INTEGER),
    'joined', json(CASE WHEN message LIKE 'joined %' THEN 'true' ELSE 'false' END)
)
WHERE kind = 'WORKER' AND entered IS NULL
    AND (message GLOB 'entered [A-Z]* at [0-9]* us' OR message GLOB 'joined [A-Z]* at [0-9]* us');

UPDATE run_events SET message = replace(
    message,
    ' at ' || told.at_us || ' us',
    ' at ' || strftime('%H:%M:%S', told.at_us / 1000000, 'unixepoch')
        || printf('.%03d UTC', told.at_us / 1000 % 1000)
)
FROM (
    SELECT run_id, sequence,
        json_extract(coalesce(command, entered), '$.at') AS at_us
    FROM run_events WHERE command IS NOT NULL OR entered IS NOT NULL
) told
WHERE told.run_id = run_events.run_id AND told.sequence = run_events.sequence;
