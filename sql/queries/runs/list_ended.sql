SELECT ended_us, run_id, project FROM runs
WHERE ended_us IS NOT NULL AND ended_us < $1 AND (ended_us, run_id) > ($2, $3)
    AND status IN ('COMPLETED', 'STOPPED', 'CANCELLED', 'FAILED')
ORDER BY ended_us, run_id
LIMIT $4
