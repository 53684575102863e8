SELECT t.template_id, t.project, t.name, v.version, v.spec, t.created_us, v.updated_us, v.source
FROM templates t
JOIN template_versions v ON v.template_id = t.template_id
WHERE t.template_id = $1 AND v.version = 1
