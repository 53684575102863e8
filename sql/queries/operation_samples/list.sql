SELECT operation, kind, shard, attempt, rank, sample FROM operation_samples
WHERE run_id = $1 AND (operation, kind, shard, attempt, rank) > ($2, $3, $4, $5, $6){filters}
ORDER BY operation, kind, shard, attempt, rank
LIMIT $7
