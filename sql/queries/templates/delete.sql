DELETE FROM templates WHERE project = $1 AND name = $2
