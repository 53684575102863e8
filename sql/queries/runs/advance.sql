-- Changes one row or, when the revision is another by now, none.
UPDATE runs SET
    status = $3, phase = $4, state = $5, progress = $12, notes = $7, started_us = $8, ended_us = $9,
    labels_revision = CASE WHEN labels = $6 THEN labels_revision ELSE revision + 1 END,
    labels = $6,
    event_count = event_count + $10, phase_count = phase_count + $11,
    revision = revision + 1
WHERE run_id = $1 AND revision = $2
RETURNING revision, event_count, phase_count, labels_revision, project, created_us
