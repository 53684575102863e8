SELECT target_id, project, name, address, created_us, revision, price_per_hour FROM targets
WHERE target_id = $1
