INSERT INTO attempts (
    run_id, shard, attempt, worker_id, worker_text, stage, message, key_first, key_length,
    assigned_us, ended_us, first_operation_us, peak_cpu_permille, clock_uncertainty_ns, revision
) {rows}
ON CONFLICT (run_id, shard, attempt) DO UPDATE SET
    worker_id = excluded.worker_id,
    worker_text = excluded.worker_text,
    stage = excluded.stage,
    message = excluded.message,
    key_first = excluded.key_first,
    key_length = excluded.key_length,
    assigned_us = excluded.assigned_us,
    ended_us = excluded.ended_us,
    first_operation_us = excluded.first_operation_us,
    peak_cpu_permille = excluded.peak_cpu_permille,
    clock_uncertainty_ns = excluded.clock_uncertainty_ns,
    revision = excluded.revision
