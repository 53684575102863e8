SELECT sequence, time_us, worker_id, shard, level, message FROM logs
WHERE run_id = $1 AND sequence > $2{filters}
ORDER BY sequence
LIMIT $3
