-- One of several lists, limited before they are merged: it reads no more than a page.
SELECT * FROM (
{list}) AS one_status
