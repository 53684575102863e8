DELETE FROM operation_samples
WHERE run_id = $1 AND operation = $2 AND kind = $3 AND shard = $4 AND attempt = $5
