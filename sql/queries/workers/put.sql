INSERT INTO workers (
    worker_id, name, status, capacity, processors, labels, version, runs,
    reserved, attached_us, seen_us, clock_offset_us, clock_uncertainty_ns
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (worker_id) DO UPDATE SET
    name = excluded.name,
    status = excluded.status,
    capacity = excluded.capacity,
    processors = excluded.processors,
    labels = excluded.labels,
    version = excluded.version,
    runs = excluded.runs,
    reserved = excluded.reserved,
    attached_us = excluded.attached_us,
    seen_us = excluded.seen_us,
    clock_offset_us = excluded.clock_offset_us,
    clock_uncertainty_ns = excluded.clock_uncertainty_ns
