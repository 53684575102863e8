INSERT INTO phase_transitions (run_id, place, phase, at_us) {rows}
