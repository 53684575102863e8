SELECT run_id, project, name, template, template_version, spec, state, revision, labels,
    notes, rerun_of, created_us, started_us, ended_us, progress
FROM runs
WHERE run_id = $1
