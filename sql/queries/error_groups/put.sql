-- Adds to what is there. A count stays at the largest number once it is there.
INSERT INTO error_groups (
    run_id, operation, phase, class, code, message, count, first_us, last_us, sample
) {rows}
ON CONFLICT (run_id, operation, phase, class, code, message) DO UPDATE SET
    count = CASE
        WHEN error_groups.count > 9223372036854775807 - excluded.count THEN 9223372036854775807
        ELSE error_groups.count + excluded.count
    END,
    sample = CASE
        WHEN (excluded.first_us, excluded.sample) < (error_groups.first_us, error_groups.sample)
        THEN excluded.sample ELSE error_groups.sample
    END,
    first_us = CASE
        WHEN excluded.first_us < error_groups.first_us
        THEN excluded.first_us ELSE error_groups.first_us
    END,
    last_us = CASE
        WHEN excluded.last_us > error_groups.last_us
        THEN excluded.last_us ELSE error_groups.last_us
    END
