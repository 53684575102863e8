SELECT target_id, project, name, address, created_us, revision FROM targets
WHERE project = $1 AND name = $2
