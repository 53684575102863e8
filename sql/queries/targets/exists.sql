SELECT target_id FROM targets WHERE target_id = $1
