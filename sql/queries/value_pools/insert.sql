INSERT INTO value_pools (project, name, source, count, created_us, members)
VALUES ($1, $2, $3, $4, $5, $6)
