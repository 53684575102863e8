SELECT place, taken_us, found FROM evidence
WHERE run_id = $1 AND place > 'activity_' AND place < 'activity_~' AND taken_us > $2
ORDER BY place LIMIT $3
