-- Version 1. Rerunnable. Times are microseconds since the Unix epoch, UTC;
-- ids and JSON are text; histograms are HdrHistogram V2 bytes, empty for none.
-- Counts of 64 bits without a sign are kept bit for bit in signed integers.
-- Ids and words compare as bytes, as everywhere else: COLLATE "C".

CREATE TABLE IF NOT EXISTS schema_version (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);

-- Makes create calls repeatable; written with what they create.
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    created_us BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS targets (
    target_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    address TEXT NOT NULL,
    -- Sealed by the control plane's key.
    password BYTEA,
    created_us BIGINT NOT NULL,
    UNIQUE (project, name)
);

CREATE TABLE IF NOT EXISTS templates (
    template_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    -- The newest.
    version BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (project, name)
);

CREATE TABLE IF NOT EXISTS template_versions (
    template_id TEXT COLLATE "C" NOT NULL REFERENCES templates ON DELETE CASCADE,
    version BIGINT NOT NULL,
    spec TEXT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (template_id, version)
);

CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    -- The project's first one, two and three segments: a list of a project and
    -- of what is below it is an equality, so an index gives its order.
    scope_1 TEXT COLLATE "C" NOT NULL,
    scope_2 TEXT COLLATE "C",
    scope_3 TEXT COLLATE "C",
    template TEXT COLLATE "C" NOT NULL,
    template_version BIGINT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    phase TEXT COLLATE "C",
    state TEXT NOT NULL,
    revision BIGINT NOT NULL,
    labels TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    started_us BIGINT,
    ended_us BIGINT,
    -- How many events and phases are stored: the next one's number.
    event_count BIGINT NOT NULL,
    phase_count BIGINT NOT NULL,
    UNIQUE (project, name)
);

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
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    shard BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    worker_id TEXT COLLATE "C" NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, shard)
);

CREATE TABLE IF NOT EXISTS attempts (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    shard BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    worker_id TEXT COLLATE "C" NOT NULL,
    worker_text TEXT NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    message TEXT NOT NULL,
    key_first BIGINT NOT NULL,
    key_length BIGINT NOT NULL,
    assigned_us BIGINT NOT NULL,
    ended_us BIGINT,
    first_operation_us BIGINT,
    peak_cpu_permille BIGINT NOT NULL,
    clock_uncertainty_ns BIGINT,
    PRIMARY KEY (run_id, shard, attempt)
);

CREATE TABLE IF NOT EXISTS phase_transitions (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    place BIGINT NOT NULL,
    phase TEXT COLLATE "C" NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (run_id, place)
);

CREATE TABLE IF NOT EXISTS run_events (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    sequence BIGINT NOT NULL,
    time_us BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    message TEXT NOT NULL,
    shard BIGINT,
    PRIMARY KEY (run_id, sequence)
);

CREATE TABLE IF NOT EXISTS control_events (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    sequence BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence)
);

CREATE TABLE IF NOT EXISTS intervals (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    shard BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    start_us BIGINT NOT NULL,
    end_us BIGINT NOT NULL,
    errors TEXT NOT NULL,
    in_flight BIGINT NOT NULL,
    backlog BIGINT NOT NULL,
    PRIMARY KEY (run_id, shard, attempt, sequence)
);

CREATE INDEX IF NOT EXISTS intervals_by_end ON intervals (run_id, end_us, shard, attempt, sequence);

CREATE TABLE IF NOT EXISTS interval_operations (
    run_id TEXT COLLATE "C" NOT NULL,
    shard BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    -- The place in the interval, from 0.
    place BIGINT NOT NULL,
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
    PRIMARY KEY (run_id, shard, attempt, sequence, place),
    FOREIGN KEY (run_id, shard, attempt, sequence) REFERENCES intervals ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS reports (
    run_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    report TEXT NOT NULL,
    created_us BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS workers (
    worker_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    capacity BIGINT NOT NULL,
    processors BIGINT NOT NULL,
    labels TEXT NOT NULL,
    version TEXT NOT NULL,
    run_id TEXT COLLATE "C",
    attached_us BIGINT NOT NULL,
    seen_us BIGINT NOT NULL,
    clock_offset_us BIGINT NOT NULL,
    clock_uncertainty_ns BIGINT
);

CREATE INDEX IF NOT EXISTS workers_by_name ON workers (name, worker_id);
