-- One of several walks, each limited before they are merged: it reads no more than a page.
SELECT *, {part} AS part FROM (
{list}) AS branch_{part}
