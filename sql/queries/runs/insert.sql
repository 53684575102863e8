INSERT INTO runs (
    run_id, project, name, scope_1, scope_2, scope_3, template, template_version, spec,
    status, phase, state, revision, labels, notes, rerun_of, load, workers,
    created_us, started_us, ended_us, event_count, phase_count, progress,
    load_spec, finds_max
) {rows}
