INSERT INTO rollups (
    run_id, resolution_us, start_us, operation, phase,
    succeeded_response, succeeded_service, succeeded_lag, succeeded_rows,
    failed_response, failed_service, failed_lag, failed_rows,
    failed_timeout, failed_connection, failed_constraint,
    failed_serialization, failed_statement, failed_other,
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
    failed_timeout = excluded.failed_timeout,
    failed_connection = excluded.failed_connection,
    failed_constraint = excluded.failed_constraint,
    failed_serialization = excluded.failed_serialization,
    failed_statement = excluded.failed_statement,
    failed_other = excluded.failed_other,
    cut = excluded.cut,
    dropped = excluded.dropped,
    intervals = excluded.intervals,
    in_flight_max = excluded.in_flight_max,
    backlog_max = excluded.backlog_max
