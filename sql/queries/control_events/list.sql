SELECT sequence, at_us, action FROM control_events
WHERE run_id = $1 AND sequence > $2
ORDER BY sequence
