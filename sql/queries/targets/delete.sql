DELETE FROM targets WHERE project = $1 AND name = $2
