INSERT INTO targets (target_id, project, name, address, password, created_us, revision)
VALUES ($1, $2, $3, $4, $5, $6, 1)
