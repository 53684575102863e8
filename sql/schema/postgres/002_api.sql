-- Version 2. Rerunnable.

ALTER TABLE targets ADD COLUMN IF NOT EXISTS revision BIGINT NOT NULL DEFAULT 1;

ALTER TABLE attempts ADD COLUMN IF NOT EXISTS revision BIGINT NOT NULL DEFAULT 0;

ALTER TABLE runs ADD COLUMN IF NOT EXISTS notes TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN IF NOT EXISTS rerun_of TEXT COLLATE "C";
-- How the template gives its load.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS load TEXT COLLATE "C" NOT NULL DEFAULT '';
-- How many workers share it.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS workers BIGINT NOT NULL DEFAULT 0;
-- What the report says; null without one.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS verdict TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN IF NOT EXISTS validity TEXT COLLATE "C";
-- The revision at which the labels last changed.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS labels_revision BIGINT NOT NULL DEFAULT 1;
-- How many lines were ever logged: the next one's number.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS log_count BIGINT NOT NULL DEFAULT 0;

-- JSON is written by us, without spaces, fields in a fixed order; quotes
-- within its texts are escaped, so these patterns match nothing else.
UPDATE runs SET load = CASE
    WHEN spec LIKE '%"load":{"rate":{%' THEN 'RATE' ELSE 'CONCURRENCY' END
WHERE load = '';
UPDATE runs SET workers = (spec::json ->> 'workers')::bigint WHERE workers = 0;
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
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (run_id, key, scope)
);

CREATE INDEX IF NOT EXISTS run_labels_by_value
    ON run_labels (scope, key, value, created_us, run_id);
CREATE INDEX IF NOT EXISTS run_labels_by_key ON run_labels (scope, key, created_us, run_id);

INSERT INTO run_labels (run_id, key, scope, value, created_us)
SELECT r.run_id, l.key, s.scope, l.value, r.created_us
FROM runs r
CROSS JOIN LATERAL json_each_text(r.labels::json) AS l
JOIN (
    SELECT run_id, scope_1 AS scope FROM runs
    UNION ALL SELECT run_id, scope_2 FROM runs WHERE scope_2 IS NOT NULL
    UNION ALL SELECT run_id, scope_3 FROM runs WHERE scope_3 IS NOT NULL
) AS s ON s.run_id = r.run_id
-- PostgreSQL stores no NUL.
WHERE r.labels NOT LIKE '%\\u0000%'
ON CONFLICT (run_id, key, scope) DO NOTHING;

CREATE TABLE IF NOT EXISTS value_pools (
    project TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    source TEXT NOT NULL,
    count BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    -- A JSON list; the last column, so that lists need not read past it.
    members TEXT NOT NULL,
    PRIMARY KEY (project, name)
);

CREATE TABLE IF NOT EXISTS rollups (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    resolution_us BIGINT NOT NULL,
    start_us BIGINT NOT NULL,
    operation BIGINT NOT NULL,
    phase TEXT COLLATE "C" NOT NULL,
    succeeded_response BYTEA NOT NULL,
    succeeded_service BYTEA NOT NULL,
    succeeded_lag BYTEA NOT NULL,
    succeeded_rows BIGINT NOT NULL,
    failed_response BYTEA NOT NULL,
    failed_service BYTEA NOT NULL,
    failed_lag BYTEA NOT NULL,
    failed_rows BIGINT NOT NULL,
    cut BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    intervals BIGINT NOT NULL,
    in_flight_max BIGINT NOT NULL,
    backlog_max BIGINT NOT NULL,
    PRIMARY KEY (run_id, resolution_us, start_us, operation, phase)
);

CREATE TABLE IF NOT EXISTS error_groups (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    operation BIGINT NOT NULL,
    phase TEXT COLLATE "C" NOT NULL,
    class TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    -- Without the values in it.
    message TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    first_us BIGINT NOT NULL,
    last_us BIGINT NOT NULL,
    -- A message as it was.
    sample TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, operation, phase, class, code, message)
);

CREATE TABLE IF NOT EXISTS operation_samples (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    operation BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    shard BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    phase TEXT COLLATE "C" NOT NULL,
    sample TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, operation, kind, shard, attempt, rank)
);

CREATE TABLE IF NOT EXISTS logs (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    sequence BIGINT NOT NULL,
    time_us BIGINT NOT NULL,
    worker_id TEXT COLLATE "C",
    shard BIGINT,
    level TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, sequence)
);

CREATE INDEX IF NOT EXISTS idempotency_by_age ON idempotency (created_us);
