DELETE FROM run_labels WHERE run_id = $1
