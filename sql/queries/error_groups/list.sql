SELECT operation, phase, class, code, message, count, first_us, last_us, sample
FROM error_groups
WHERE run_id = $1
