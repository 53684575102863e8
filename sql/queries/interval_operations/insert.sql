INSERT INTO interval_operations (
    run_id, shard, attempt, sequence, place, operation, phase, step,
    succeeded_response, succeeded_service, succeeded_lag, succeeded_rows,
    failed_response, failed_service, failed_lag, failed_rows,
    cut, dropped
) {rows}
