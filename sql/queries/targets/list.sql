-- $1 is the project, $2 and $3 bound what is below it; the first line lets the
-- index bound both at once.
SELECT target_id, project, name, address, created_us, revision, price_per_hour FROM targets
WHERE project >= $1 AND project < $3 AND (project, name) > ($4, $5)
  AND (project = $1 OR project >= $2)
ORDER BY project, name
LIMIT $6
