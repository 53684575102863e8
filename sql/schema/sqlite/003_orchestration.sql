-- Version 3. Rerunnable: a column that is there already is passed over.

-- A number as JSON writes it.
ALTER TABLE targets ADD COLUMN price_per_hour TEXT NOT NULL DEFAULT '0.0';

-- How far a search is, as JSON; null without one. Apart from the state and in
-- the last column, so that lists need not read its steps.
ALTER TABLE runs ADD COLUMN search TEXT;

-- The step of a search; 0 for none.
ALTER TABLE interval_operations ADD COLUMN step INTEGER NOT NULL DEFAULT 0;

-- A JSON list of run ids; it takes the place of run_id.
ALTER TABLE workers ADD COLUMN runs TEXT NOT NULL DEFAULT '[]';
-- Connections that these runs have reserved.
ALTER TABLE workers ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;

UPDATE workers SET runs = json_array(run_id), run_id = NULL WHERE run_id IS NOT NULL;

-- What a target says of a run in its own statistics, as JSON.
CREATE TABLE IF NOT EXISTS evidence (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    place TEXT NOT NULL,
    taken_us INTEGER NOT NULL,
    found TEXT NOT NULL,
    PRIMARY KEY (run_id, place)
) STRICT, WITHOUT ROWID;
