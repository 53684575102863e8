DELETE FROM workers WHERE seen_us < $1
