-- Version 2. Rerunnable: a column that is there already is passed over.

ALTER TABLE targets ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

ALTER TABLE attempts ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

ALTER TABLE runs ADD COLUMN notes TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN rerun_of TEXT;
-- How the template gives its load.
ALTER TABLE runs ADD COLUMN load TEXT NOT NULL DEFAULT '';
-- How many workers share it.
ALTER TABLE runs ADD COLUMN workers INTEGER NOT NULL DEFAULT 0;
-- What the report says; null without one.
ALTER TABLE runs ADD COLUMN verdict TEXT;
ALTER TABLE runs ADD COLUMN validity TEXT;
-- The revision at which the labels last changed.
ALTER TABLE runs ADD COLUMN labels_revision INTEGER NOT NULL DEFAULT 1;
-- How many lines were ever logged: the next one's number.
ALTER TABLE runs ADD COLUMN log_count INTEGER NOT NULL DEFAULT 0;

-- JSON is written by us, without spaces, fields in a fixed order; quotes
-- within its texts are escaped, so these patterns match nothing else.
UPDATE runs SET load = CASE
    WHEN spec LIKE '%"load":{"rate":{%' THEN 'RATE' ELSE 'CONCURRENCY' END
WHERE load = '';
UPDATE runs SET workers = json_extract(spec, '$.workers') WHERE workers = 0;
UPDATE runs SET
    verdict = CASE
        WHEN r.report LIKE '%"verdict":"PASS","reasons":%' THEN 'PASS'
        WHEN r.report LIKE '%"verdict":"INCONCLUSIVE","reasons":%' THEN 'INCONCLUSIVE'
        WHEN r.report LIKE '%"verdict":"FAIL","reasons":%' THEN 'FAIL'
    END,
    validity = CASE WHEN r.report LIKE '%"reasons":[],%' THEN 'VALID' ELSE 'INVALID' END
FROM reports r
WHERE r.run_id = runs.run_id AND runs.validity IS NULL;

-- Those that have not ended come last in both directions, so they are apart.
CREATE INDEX IF NOT EXISTS runs_by_scope_1_name ON runs (scope_1, name, run_id);
CREATE INDEX IF NOT EXISTS runs_by_scope_1_ended ON runs (scope_1, ended_us, run_id)
    WHERE ended_us IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_1_unended ON runs (scope_1, run_id)
    WHERE ended_us IS NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_2_name ON runs (scope_2, name, run_id)
    WHERE scope_2 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_2_ended ON runs (scope_2, ended_us, run_id)
    WHERE ended_us IS NOT NULL AND scope_2 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_2_unended ON runs (scope_2, run_id)
    WHERE ended_us IS NULL AND scope_2 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_3_name ON runs (scope_3, name, run_id)
    WHERE scope_3 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_3_ended ON runs (scope_3, ended_us, run_id)
    WHERE ended_us IS NOT NULL AND scope_3 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_3_unended ON runs (scope_3, run_id)
    WHERE ended_us IS NULL AND scope_3 IS NOT NULL;
-- For retention, oldest first.
CREATE INDEX IF NOT EXISTS runs_by_end ON runs (ended_us, run_id) WHERE ended_us IS NOT NULL;

-- What a run's labels say, once for each project that a list of it is in.
CREATE TABLE IF NOT EXISTS run_labels (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    key TEXT NOT NULL,
    scope TEXT NOT NULL,
    value TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (run_id, key, scope)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS run_labels_by_value
    ON run_labels (scope, key, value, created_us, run_id);
CREATE INDEX IF NOT EXISTS run_labels_by_key ON run_labels (scope, key, created_us, run_id);

INSERT INTO run_labels (run_id, key, scope, value, created_us)
SELECT r.run_id, l.key, s.scope, l.value, r.created_us
FROM runs r
JOIN json_each(r.labels) AS l
JOIN (
    SELECT run_id, scope_1 AS scope FROM runs
    UNION ALL SELECT run_id, scope_2 FROM runs WHERE scope_2 IS NOT NULL
    UNION ALL SELECT run_id, scope_3 FROM runs WHERE scope_3 IS NOT NULL
) AS s ON s.run_id = r.run_id
WHERE true
ON CONFLICT (run_id, key, scope) DO NOTHING;

CREATE TABLE IF NOT EXISTS value_pools (
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    count INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    -- A JSON list; the last column, so that lists need not read past it.
    members TEXT NOT NULL,
    PRIMARY KEY (project, name)
) STRICT;

CREATE TABLE IF NOT EXISTS rollups (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    resolution_us INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    operation INTEGER NOT NULL,
    phase TEXT NOT NULL,
    succeeded_response BLOB NOT NULL,
    succeeded_service BLOB NOT NULL,
    succeeded_lag BLOB NOT NULL,
    succeeded_rows INTEGER NOT NULL,
    failed_response BLOB NOT NULL,
    failed_service BLOB NOT NULL,
    failed_lag BLOB NOT NULL,
    failed_rows INTEGER NOT NULL,
    cut INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    intervals INTEGER NOT NULL,
    in_flight_max INTEGER NOT NULL,
    backlog_max INTEGER NOT NULL,
    PRIMARY KEY (run_id, resolution_us, start_us, operation, phase)
) STRICT;

CREATE TABLE IF NOT EXISTS error_groups (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    operation INTEGER NOT NULL,
    phase TEXT NOT NULL,
    class TEXT NOT NULL,
    code TEXT NOT NULL,
    -- Without the values in it.
    message TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    -- A message as it was.
    sample TEXT NOT NULL,
    PRIMARY KEY (run_id, operation, phase, class, code, message)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS operation_samples (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    operation INTEGER NOT NULL,
    kind TEXT NOT NULL,
    shard INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    phase TEXT NOT NULL,
    sample TEXT NOT NULL,
    PRIMARY KEY (run_id, operation, kind, shard, attempt, rank)
) STRICT;

CREATE TABLE IF NOT EXISTS logs (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    worker_id TEXT,
    shard INTEGER,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS idempotency_by_age ON idempotency (created_us);
