SELECT run_id FROM runs WHERE run_id = $1
