INSERT INTO control_events (run_id, sequence, at_us, action) {rows}
