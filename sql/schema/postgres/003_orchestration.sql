-- Version 3. Rerunnable.

-- A number as JSON writes it.
ALTER TABLE targets ADD COLUMN IF NOT EXISTS price_per_hour TEXT NOT NULL DEFAULT '0.0';

-- How far a search is, as JSON; null without one. Apart from the state and in
-- the last column, so that lists need not read its steps.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS search TEXT;

-- The step of a search; 0 for none.
ALTER TABLE interval_operations ADD COLUMN IF NOT EXISTS step BIGINT NOT NULL DEFAULT 0;

-- A JSON list of run ids; it takes the place of run_id.
ALTER TABLE workers ADD COLUMN IF NOT EXISTS runs TEXT NOT NULL DEFAULT '[]';
-- Connections that these runs have reserved.
ALTER TABLE workers ADD COLUMN IF NOT EXISTS reserved BIGINT NOT NULL DEFAULT 0;

UPDATE workers SET runs = json_build_array(run_id)::text, run_id = NULL WHERE run_id IS NOT NULL;

-- What a target says of a run in its own statistics, as JSON.
CREATE TABLE IF NOT EXISTS evidence (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    place TEXT COLLATE "C" NOT NULL,
    taken_us BIGINT NOT NULL,
    found TEXT NOT NULL,
    PRIMARY KEY (run_id, place)
);
