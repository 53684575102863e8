SELECT worker_id, name, status, capacity, processors, labels, version, runs,
    reserved, attached_us, seen_us, clock_offset_us, clock_uncertainty_ns
FROM workers
WHERE worker_id = $1
