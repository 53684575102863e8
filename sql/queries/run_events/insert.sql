INSERT INTO run_events (run_id, sequence, time_us, kind, message, shard, command, entered) {rows}
