SELECT phase, at_us FROM phase_transitions WHERE run_id = $1 ORDER BY place
