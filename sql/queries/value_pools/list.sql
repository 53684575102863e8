-- $1 is the project, $2 and $3 bound what is below it; the first line lets the
-- index bound both at once.
SELECT project, name, source, count, created_us FROM value_pools
WHERE project >= $1 AND project < $3 AND (project, name) > ($4, $5)
  AND (project = $1 OR project >= $2)
ORDER BY project, name
LIMIT $6
