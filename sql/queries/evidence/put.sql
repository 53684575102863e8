INSERT INTO evidence (run_id, place, taken_us, found) VALUES ($1, $2, $3, $4)
ON CONFLICT (run_id, place) DO UPDATE SET taken_us = excluded.taken_us, found = excluded.found
