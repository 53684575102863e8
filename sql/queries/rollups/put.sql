INSERT INTO rollups (
    run_id, resolution_us, start_us, operation, phase,
    succeeded_response, succeeded_service, succeeded_lag, succeeded_rows,
    failed_response, failed_service, failed_lag, failed_rows,
    cut, dropped, intervals, in_flight_max, backlog_max
) {rows}
ON CONFLICT (run_id, resolution_us, start_us, operation, phase) DO UPDATE SET
    succeeded_response = excluded.succeeded_response,
    succeeded_service = excluded.succeeded_service,
    succeeded_lag = excluded.succeeded_lag,
    succeeded_rows = excluded.succeeded_rows,
    failed_response = excluded.failed_response,
    failed_service = excluded.failed_service,
    failed_lag = excluded.failed_lag,
    failed_rows = excluded.failed_rows,
    cut = excluded.cut,
    dropped = excluded.dropped,
    intervals = excluded.intervals,
    in_flight_max = excluded.in_flight_max,
    backlog_max = excluded.backlog_max
