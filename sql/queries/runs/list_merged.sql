SELECT * FROM (
{branches}) AS statuses
ORDER BY created_us DESC, run_id DESC
LIMIT $4
