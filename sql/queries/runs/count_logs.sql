-- Holds the run's row until the lines are in, so they are numbered without gaps.
UPDATE runs SET log_count = log_count + $2 WHERE run_id = $1
RETURNING log_count
