INSERT INTO operation_samples (
    run_id, operation, kind, shard, attempt, rank, phase, sample
) {rows}
