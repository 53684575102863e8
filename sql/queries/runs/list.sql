-- The runs of a project and below it, or those of one status.
SELECT run_id, project, name, template, template_version, spec, state, revision, labels,
    created_us, started_us, ended_us
FROM runs
WHERE {scope} = $1 AND (created_us, run_id) < ($2, $3){filters}
ORDER BY created_us DESC, run_id DESC
LIMIT $4
