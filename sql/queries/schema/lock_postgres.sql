-- Two that apply the schema at once would make the same tables. The number
-- names this lock: "gaunt" in ASCII. What comes after it in the transaction may
-- take longer than a call: all rows may be written anew.
SELECT pg_advisory_xact_lock(444016717428), set_config('statement_timeout', '0', true)
