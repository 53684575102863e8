SELECT worker_id, name, status, capacity, processors, labels, version, runs,
    reserved, attached_us, seen_us, clock_offset_us, clock_uncertainty_ns
FROM workers
WHERE seen_us >= $1 AND (name, worker_id) > ($2, $3)
ORDER BY name, worker_id
LIMIT $4
