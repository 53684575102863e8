INSERT INTO template_versions (template_id, version, spec, updated_us)
VALUES ($1, $2, $3, $4)
