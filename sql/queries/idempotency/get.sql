SELECT fingerprint, id FROM idempotency WHERE key = $1
