SELECT shard, attempt, worker_id, worker_text, stage, message, key_first, key_length,
    assigned_us, ended_us, first_operation_us, peak_cpu_permille, clock_uncertainty_ns, revision
FROM attempts
WHERE run_id = $1
ORDER BY shard, attempt
