SELECT * FROM (
{branches}) AS branches
ORDER BY {order}
LIMIT {limit}
