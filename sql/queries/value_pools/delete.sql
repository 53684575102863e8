DELETE FROM value_pools WHERE project = $1 AND name = $2
