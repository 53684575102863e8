-- Waits for a transaction that inserts the same key; then there is nothing to do.
INSERT INTO idempotency (key, fingerprint, id, created_us) VALUES ($1, $2, $3, $4)
ON CONFLICT (key) DO NOTHING
