SELECT command, entered, sequence, time_us, kind, message, shard FROM run_events
WHERE run_id = $1 AND sequence > $2
ORDER BY sequence
LIMIT $3
