-- Waits for a transaction that inserts the same key, and then is refused.
INSERT INTO idempotency (key, fingerprint, id, created_us) {rows}
