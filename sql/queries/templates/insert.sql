INSERT INTO templates (template_id, project, name, version, created_us)
VALUES ($1, $2, $3, 1, $4)
