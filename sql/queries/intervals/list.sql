-- One row per operation; an interval without any has one row of nulls.
SELECT i.run_id, i.shard, i.attempt, i.sequence, i.start_us, i.end_us,
    i.errors, i.in_flight, i.backlog,
    o.operation, o.phase, o.step,
    o.succeeded_response, o.succeeded_service, o.succeeded_lag, o.succeeded_rows,
    o.failed_response, o.failed_service, o.failed_lag, o.failed_rows,
    o.cut, o.dropped
FROM (
    SELECT * FROM intervals
    WHERE run_id = $1 AND (end_us, shard, attempt, sequence) > ($2, $3, $4, $5){bound}
    ORDER BY end_us, shard, attempt, sequence
    LIMIT $6
) AS i
LEFT JOIN interval_operations o ON o.run_id = i.run_id AND o.shard = i.shard
    AND o.attempt = i.attempt AND o.sequence = i.sequence
ORDER BY i.end_us, i.shard, i.attempt, i.sequence, o.place
