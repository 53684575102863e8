SELECT target_id, project, name, address, created_us, revision FROM targets
WHERE target_id = $1
