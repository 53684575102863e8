-- A run that has a task stays.
DELETE FROM runs
WHERE run_id = $1 AND status IN ('PREPARED', 'COMPLETED', 'STOPPED', 'CANCELLED', 'FAILED')
RETURNING project
