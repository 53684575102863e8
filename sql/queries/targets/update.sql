-- Changes one row or, when the revision is another by now, none. $4 says whether
-- the password stays.
UPDATE targets SET
    address = $3, price_per_hour = $6, revision = revision + 1,
    password = CASE WHEN $4 = 1 THEN password ELSE $5 END
WHERE target_id = $1 AND revision = $2
RETURNING target_id, project, name, address, created_us, revision, price_per_hour
