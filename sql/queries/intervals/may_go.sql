SELECT r.run_id FROM runs r JOIN reports p ON p.run_id = r.run_id
WHERE r.run_id = $1 AND r.ended_us IS NOT NULL AND r.ended_us < $2
    AND r.status IN ('COMPLETED', 'STOPPED', 'CANCELLED', 'FAILED')
