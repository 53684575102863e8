-- What lists show of a report.
UPDATE runs SET verdict = $2, validity = $3 WHERE run_id = $1
