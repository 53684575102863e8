SELECT log_count FROM runs WHERE run_id = $1
