-- Version 1. Rerunnable. Times are microseconds since the Unix epoch, UTC;
-- ids and JSON are text; histograms are HdrHistogram V2 bytes, empty for none.
-- Counts of 64 bits without a sign are kept bit for bit in signed integers.

CREATE TABLE IF NOT EXISTS schema_version (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;

-- Makes create calls repeatable; written with what they create.
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    id TEXT NOT NULL,
    created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS targets (
    target_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    -- Sealed by the control plane's key.
    password BLOB,
    created_us INTEGER NOT NULL,
    UNIQUE (project, name)
) STRICT;

CREATE TABLE IF NOT EXISTS templates (
    template_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The newest.
    version INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    UNIQUE (project, name)
) STRICT;

CREATE TABLE IF NOT EXISTS template_versions (
    template_id TEXT NOT NULL REFERENCES templates ON DELETE CASCADE,
    version INTEGER NOT NULL,
    spec TEXT NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (template_id, version)
) STRICT;

CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The project's first one, two and three segments: a list of a project and
    -- of what is below it is an equality, so an index gives its order.
    scope_1 TEXT NOT NULL,
    scope_2 TEXT,
    scope_3 TEXT,
    template TEXT NOT NULL,
    template_version INTEGER NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL,
    phase TEXT,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    labels TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    started_us INTEGER,
    ended_us INTEGER,
    -- How many events and phases are stored: the next one's number.
    event_count INTEGER NOT NULL,
    phase_count INTEGER NOT NULL,
    UNIQUE (project, name)
) STRICT;

CREATE INDEX IF NOT EXISTS runs_by_scope_1 ON runs (scope_1, created_us, run_id);
CREATE INDEX IF NOT EXISTS runs_by_scope_1_status ON runs (scope_1, status, created_us, run_id);
CREATE INDEX IF NOT EXISTS runs_by_scope_1_template ON runs (scope_1, template, created_us, run_id);
CREATE INDEX IF NOT EXISTS runs_by_scope_2 ON runs (scope_2, created_us, run_id)
    WHERE scope_2 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_2_status ON runs (scope_2, status, created_us, run_id)
    WHERE scope_2 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_2_template ON runs (scope_2, template, created_us, run_id)
    WHERE scope_2 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_3 ON runs (scope_3, created_us, run_id)
    WHERE scope_3 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_3_status ON runs (scope_3, status, created_us, run_id)
    WHERE scope_3 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_scope_3_template ON runs (scope_3, template, created_us, run_id)
    WHERE scope_3 IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_active ON runs (created_us, run_id)
    WHERE status IN ('STARTING', 'RUNNING', 'STOPPING', 'CANCELLING');

-- What the newest attempt says.
CREATE TABLE IF NOT EXISTS shards (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    shard INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker_id TEXT NOT NULL,
    stage TEXT NOT NULL,
    PRIMARY KEY (run_id, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS attempts (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    shard INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker_id TEXT NOT NULL,
    worker_text TEXT NOT NULL,
    stage TEXT NOT NULL,
    message TEXT NOT NULL,
    key_first INTEGER NOT NULL,
    key_length INTEGER NOT NULL,
    assigned_us INTEGER NOT NULL,
    ended_us INTEGER,
    first_operation_us INTEGER,
    peak_cpu_permille INTEGER NOT NULL,
    clock_uncertainty_ns INTEGER,
    PRIMARY KEY (run_id, shard, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS phase_transitions (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    place INTEGER NOT NULL,
    phase TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (run_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS run_events (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    shard INTEGER,
    PRIMARY KEY (run_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS control_events (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS intervals (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    shard INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    errors TEXT NOT NULL,
    in_flight INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    PRIMARY KEY (run_id, shard, attempt, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS intervals_by_end ON intervals (run_id, end_us, shard, attempt, sequence);

CREATE TABLE IF NOT EXISTS interval_operations (
    run_id TEXT NOT NULL,
    shard INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    -- The place in the interval, from 0.
    place INTEGER NOT NULL,
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
    PRIMARY KEY (run_id, shard, attempt, sequence, place),
    FOREIGN KEY (run_id, shard, attempt, sequence) REFERENCES intervals ON DELETE CASCADE
) STRICT;

CREATE TABLE IF NOT EXISTS reports (
    run_id TEXT NOT NULL PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    report TEXT NOT NULL,
    created_us INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS workers (
    worker_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    processors INTEGER NOT NULL,
    labels TEXT NOT NULL,
    version TEXT NOT NULL,
    run_id TEXT,
    attached_us INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    clock_offset_us INTEGER NOT NULL,
    clock_uncertainty_ns INTEGER
) STRICT;

CREATE INDEX IF NOT EXISTS workers_by_name ON workers (name, worker_id);
