SELECT project, name, source, count, created_us, members FROM value_pools
WHERE project = $1 AND name = $2
