-- Some at a time, so that others can write in between.
DELETE FROM idempotency WHERE key IN (
    SELECT key FROM idempotency WHERE created_us < $1 ORDER BY created_us LIMIT $2
)
