-- Some of a run's intervals, the oldest first, with their operations.
DELETE FROM intervals WHERE run_id = $1 AND (end_us, shard, attempt, sequence) <= (
    SELECT end_us, shard, attempt, sequence FROM (
        SELECT end_us, shard, attempt, sequence FROM intervals WHERE run_id = $1
        ORDER BY end_us, shard, attempt, sequence
        LIMIT $2
    ) AS oldest
    ORDER BY end_us DESC, shard DESC, attempt DESC, sequence DESC
    LIMIT 1
)
