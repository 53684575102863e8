-- Of two that append the same version, one finds the version changed.
UPDATE templates SET version = $2 WHERE template_id = $1 AND version = $3
