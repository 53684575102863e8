-- Passes over what is there already and gives back what was not.
INSERT INTO intervals (
    run_id, shard, attempt, sequence, start_us, end_us, errors, in_flight, backlog
) {rows}
ON CONFLICT (run_id, shard, attempt, sequence) DO NOTHING
RETURNING run_id, shard, attempt, sequence
