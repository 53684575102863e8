SELECT run_id, resolution_us, start_us, operation, phase,
    succeeded_response, succeeded_service, succeeded_lag, succeeded_rows,
    failed_response, failed_service, failed_lag, failed_rows,
    failed_timeout, failed_connection, failed_constraint,
    failed_serialization, failed_statement, failed_other,
    cut, dropped, intervals, in_flight_max, backlog_max
FROM rollups
WHERE run_id = $1 AND resolution_us = $2 AND (start_us, operation, phase) > ($3, $4, $5){filters}
ORDER BY start_us, operation, phase
LIMIT $6
