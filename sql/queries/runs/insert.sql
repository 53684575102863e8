INSERT INTO runs (
    run_id, project, name, scope_1, scope_2, scope_3, template, template_version, spec,
    status, phase, state, revision, labels, created_us, started_us, ended_us,
    event_count, phase_count
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9,
    $10, $11, $12, 1, $13, $14, $15, $16,
    1, 0
)
