-- Counted from 1, a sequence is in its place as long as none before it is missing.
SELECT coalesce(max(sequence), 0) FROM (
    SELECT sequence, row_number() OVER (ORDER BY sequence) AS place FROM intervals
    WHERE run_id = $1 AND shard = $2 AND attempt = $3 AND sequence >= 1
) AS placed
WHERE sequence = place
