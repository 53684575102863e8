SELECT password FROM targets
WHERE project = $1 AND name = $2 AND password IS NOT NULL
