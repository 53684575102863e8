SELECT run_id, project, name, template, template_version, spec, state, revision, labels,
    notes, rerun_of, created_us, started_us, ended_us, progress
FROM runs
WHERE status IN ('STARTING', 'RUNNING', 'STOPPING', 'CANCELLING')
ORDER BY created_us, run_id
