-- $1 is the project, $2 and $3 bound what is below it; the first line lets the
-- index bound both at once.
SELECT t.template_id, t.project, t.name, v.version, v.spec, t.created_us, v.updated_us,
  CAST(NULL AS TEXT)
FROM templates t
JOIN template_versions v ON v.template_id = t.template_id AND v.version = t.version
WHERE t.project >= $1 AND t.project < $3 AND (t.project, t.name) > ($4, $5)
  AND (t.project = $1 OR t.project >= $2)
ORDER BY t.project, t.name
LIMIT $6
