-- Version 5. Rerunnable.

-- The file that a version was made from; null when it was not made from one.
ALTER TABLE template_versions ADD COLUMN IF NOT EXISTS source TEXT COLLATE "C";

-- The load of the spec as JSON, and whether there is a search: lists show them
-- and need not read the spec.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS load_spec TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN IF NOT EXISTS finds_max BIGINT NOT NULL DEFAULT 0;
-- Takes the place of search, which is null from now on: it is still the last
-- column, so that lists need not read a search's steps.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS progress TEXT COLLATE "C";

UPDATE runs SET load_spec = (spec::json -> 'load')::text,
    finds_max = (coalesce(json_typeof(spec::json #> '{control,search}'), 'null') <> 'null')::int,
    progress = search, search = NULL
WHERE load_spec IS NULL;
-- A control plane of before that still runs is refused its runs, instead of
-- leaving some that no list can show.
ALTER TABLE runs ALTER COLUMN load_spec SET NOT NULL;

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
ALTER TABLE run_events ADD COLUMN IF NOT EXISTS entered TEXT COLLATE "C";

-- Workers told of phases in words only, and words had instants in microseconds.
UPDATE run_events SET entered = json_build_object(
    'phase', substring(message FROM '^[a-z]+ ([A-Z]+) at '),
    'at', substring(message FROM ' at ([0-9]+) us$')::bigint,
    'joined', message LIKE 'joined %'
)::text
WHERE kind = 'WORKER' AND entered IS NULL
    AND message ~ '^(entered|joined) [A-Z]+ at [0-9]+ us$';

UPDATE run_events SET message = replace(
    message,
    ' at ' || told.at_us || ' us',
    ' at ' || to_char(to_timestamp(told.at_us / 1000000) AT TIME ZONE 'UTC', 'HH24:MI:SS')
        || '.' || lpad((told.at_us / 1000 % 1000)::text, 3, '0') || ' UTC'
)
FROM (
    SELECT run_id, sequence,
        (coalesce(command, entered)::json ->> 'at')::bigint AS at_us
    FROM run_events WHERE command IS NOT NULL OR entered IS NOT NULL
) told
WHERE told.run_id = run_events.run_id AND told.sequence = run_events.sequence;
