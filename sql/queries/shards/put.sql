-- A shard is where its newest attempt is.
INSERT INTO shards (run_id, shard, attempt, worker_id, stage) {rows}
ON CONFLICT (run_id, shard) DO UPDATE SET
    attempt = excluded.attempt, worker_id = excluded.worker_id, stage = excluded.stage
WHERE excluded.attempt >= shards.attempt
