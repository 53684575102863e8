-- Changes one row or, when the revision is another by now, none.
UPDATE runs SET
    status = $3, phase = $4, state = $5, labels = $6, started_us = $7, ended_us = $8,
    event_count = event_count + $9, phase_count = phase_count + $10,
    revision = revision + 1
WHERE run_id = $1 AND revision = $2
RETURNING revision, event_count, phase_count
