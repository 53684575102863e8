SELECT t.template_id, t.project, t.name, v.version, v.spec, t.created_us, v.updated_us,
  CAST(NULL AS TEXT)
FROM templates t
JOIN template_versions v ON v.template_id = t.template_id
WHERE t.project = $1 AND t.name = $2 AND v.version < $3
ORDER BY v.version DESC
LIMIT $4
