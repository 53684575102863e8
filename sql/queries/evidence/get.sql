SELECT place, taken_us, found FROM evidence
WHERE run_id = $1 AND (place < 'activity_' OR place > 'activity_~')
