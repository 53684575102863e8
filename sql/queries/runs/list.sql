-- One walk over an index, no longer than a page.
SELECT r.run_id, r.project, r.name, r.template, r.template_version, r.load_spec, r.finds_max,
    r.workers, r.state, r.revision, r.labels, r.notes, r.rerun_of, r.created_us, r.started_us,
    r.ended_us, r.verdict, r.validity
FROM {from}
WHERE {conditions}
ORDER BY {order}
LIMIT {limit}
