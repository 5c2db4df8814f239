"""A view of production as a file: the bytes of PostgreSQL's own COPY, by whichever warehouse."""

from __future__ import annotations

from io import BytesIO

from softcart_assets.exports.warehouse import view_as_csv
from sync.warehouses.schema import TableName
from tests.integration.mirror.small_star import SmallStar

TOTALS = TableName("reports", "totals")
MADE = """
CREATE SCHEMA IF NOT EXISTS reports;
CREATE VIEW reports.totals AS SELECT * FROM (VALUES
    ('b', 1.50, 1::bigint), ('B', 2::numeric, 2), ('é', 3.000, 3), (NULL, NULL, 4), ('', 5, 5),
    ('say "hi", you', 6, 6), (E'two\nlines', 7, 7), (' ', 8, 8), (E'tab\t\\.', 1e20, 9)
) AS t (country, total_sales, sales)
"""
COPY = """
COPY (
    SELECT coalesce(country, 'Unknown') AS country, total_sales, sales FROM reports.totals t
    ORDER BY t.country COLLATE "C"
) TO STDOUT (FORMAT csv, HEADER, ENCODING 'UTF8')
"""


def test_a_file_has_the_bytes_of_copy(bare: SmallStar) -> None:
    copied = BytesIO()
    with bare.production.cursor() as cursor:
        cursor.execute(MADE)
        cursor.copy_expert(COPY, copied)
    with bare.warehouse().reader() as reader:
        columns = ["country", "total_sales", "sales"]
        content, rows = view_as_csv(reader, TOTALS, columns, ["country"], "Unknown")
    assert content == copied.getvalue()
    assert rows == 9
