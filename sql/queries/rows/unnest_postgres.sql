SELECT * FROM unnest({columns})
