SELECT operation, phase, class, code, message FROM error_groups WHERE run_id = $1
