SELECT target_id, project, name, address, created_us FROM targets
WHERE target_id = $1
