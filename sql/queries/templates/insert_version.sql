INSERT INTO template_versions (template_id, version, spec, updated_us, source)
VALUES ($1, $2, $3, $4, $5)
