SELECT t.template_id, t.project, t.name, v.version, v.spec, t.created_us, v.updated_us, v.source
FROM templates t
JOIN template_versions v ON v.template_id = t.template_id AND v.version = t.version
WHERE t.project = $1 AND t.name = $2
