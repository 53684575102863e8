INSERT INTO targets (target_id, project, name, address, password, created_us, revision, price_per_hour)
VALUES ($1, $2, $3, $4, $5, $6, 1, $7)
