INSERT INTO run_labels (run_id, key, scope, value, created_us) {rows}
