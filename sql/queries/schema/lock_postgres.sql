-- Two that apply the schema at once would make the same tables. The number
-- names this lock: "gaunt" in ASCII.
SELECT pg_advisory_xact_lock(444016717428)
