DELETE FROM targets WHERE project = $1 AND name = $2 AND revision = $3
