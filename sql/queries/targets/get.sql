SELECT target_id, project, name, address, created_us, revision, price_per_hour FROM targets
WHERE project = $1 AND name = $2
