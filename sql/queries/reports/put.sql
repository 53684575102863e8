INSERT INTO reports (run_id, report, created_us) VALUES ($1, $2, $3)
ON CONFLICT (run_id) DO UPDATE SET
    report = excluded.report, created_us = excluded.created_us
