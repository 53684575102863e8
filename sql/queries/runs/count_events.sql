-- Holds the run's row until the events are in, so they are numbered without gaps.
UPDATE runs SET event_count = event_count + $2 WHERE run_id = $1
RETURNING event_count, revision, project
