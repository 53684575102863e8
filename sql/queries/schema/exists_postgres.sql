SELECT 'schema_version' AS name WHERE to_regclass('schema_version') IS NOT NULL
