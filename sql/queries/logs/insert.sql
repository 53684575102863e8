INSERT INTO logs (run_id, sequence, time_us, worker_id, shard, level, message) {rows}
