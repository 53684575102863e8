-- One branch of a list: merged with one per status, ordered and limited by the caller.
SELECT run_id, project, name, template, template_version, spec, state, revision, labels,
    created_us, started_us, ended_us
FROM runs
WHERE {scope} = $1 AND (created_us, run_id) < ($2, $3)
