"""Land the sales history that came as a file: a line is a sale, and lines that repeat are sales that repeat.

The file is the only one who writes this table, so the table becomes what the file says, line by line: a line
that the file no longer has becomes a tombstone. Otherwise a corrected line would count as a second sale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast

from landing.csv_reader import CsvReader, Row
from landing.files import ECOMMERCE
from landing.land import land
from landing.landing_file import Memory, find
from landing.lines import Line, Reject
from landing.postgres import STAGED, identifiers
from landing.postgres_store import PostgresStore
from landing.raw_tables import ensure_raw_table
from landing.result import LandingResult, Merged
from landing.spec import Field, FileSpec
from landing.values import Date
from sync.connections.psycopg import Connection, Cursor, sql
from sync.newest_batches import store_batch, summarize
from sync.spec import Column, Table
from sync.state import next_batch

KEY = Column("sale_id", "bigint", "Number of the line, in the order in which lines were landed")
DATED = replace(
    ECOMMERCE, fields=(*ECOMMERCE.fields, Field("date", Date(), "The day, from its year, month and day"))
)

# Rows are compared as text, which tells NULL from an empty text and can be hashed. The nth line of the file
# that says something is the nth row that says it.
_DIFFERENCE = """
CREATE TEMPORARY TABLE landing_difference ON COMMIT DROP AS
SELECT file.number, held.sale_id
FROM (
    SELECT number, said, row_number() OVER (PARTITION BY said ORDER BY number) AS nth
    FROM (SELECT number, ROW({columns})::text AS said FROM {staged}) AS lines
) AS file
FULL JOIN (
    SELECT sale_id, said, row_number() OVER (PARTITION BY said ORDER BY sale_id) AS nth
    FROM (SELECT sale_id, ROW({columns})::text AS said FROM {target} WHERE NOT _deleted) AS rows
) AS held ON held.said = file.said AND held.nth = file.nth
WHERE file.number IS NULL OR held.sale_id IS NULL
"""
_INSERT = """
INSERT INTO {target} (sale_id, {columns}, _batch, _changed_at, _deleted)
SELECT
    (SELECT coalesce(max(sale_id), 0) FROM {target}) + row_number() OVER (ORDER BY number),
    {columns}, %(batch)s, now(), false
FROM {staged}
WHERE number IN (SELECT number FROM landing_difference)
"""
_DELETE = """
UPDATE {target} SET _deleted = true, _batch = %(batch)s, _changed_at = now()
WHERE sale_id IN (SELECT sale_id FROM landing_difference)
"""


class DatedReader:
    """The lines of the file, each with the date that its calendar attributes make."""

    def __init__(self, lines: CsvReader) -> None:
        self._lines = lines
        self.path = lines.path

    @property
    def lines(self) -> int:
        return self._lines.lines

    @property
    def ignored_columns(self) -> tuple[str, ...]:
        return self._lines.ignored_columns

    def rows(self, reject: Reject) -> Iterator[Line[Row]]:
        """The lines with a date; those without one are given to `reject`."""
        places = [self._lines.spec.columns.index(name) for name in ("year", "month", "day")]
        for line in self._lines.rows(reject):
            year, month, day = (cast(int, line.content[place]) for place in places)
            try:
                dated = date(year, month, day)
            except (ValueError, OverflowError):
                reject(line.number, line.raw, f"day {day} of month {month} of year {year} is no date")
            else:
                yield line._replace(content=(*line.content, dated))


class SalesHistoryStore(PostgresStore):
    """Makes the table equal to the file's lines, each as often as the file has it."""

    def _apply(self, cursor: Cursor, memory: Memory) -> Merged:
        names: dict[str, sql.Composable] = {
            "target": self.target,
            "staged": STAGED,
            "columns": identifiers(self.spec.columns),
        }
        cursor.execute(sql.SQL(_DIFFERENCE).format(**names))
        cursor.execute("SELECT count(number), count(sale_id) FROM landing_difference")
        inserted, deleted = cursor.fetchone() or (0, 0)
        if inserted or deleted:
            batch = next_batch(cursor)
            for statement in (_INSERT, _DELETE):
                cursor.execute(sql.SQL(statement).format(**names), {"batch": batch})
            store_batch(cursor, self.target, batch)
            summarize(cursor, self.target)
        return Merged(
            inserted=inserted,
            unchanged=memory.outcome.landed - inserted,
            note=f"{deleted} rows that {self.spec.name} no longer has are marked as deleted" * bool(deleted),
        )


def sales_history_table(spec: FileSpec = DATED) -> Table:
    """The table as the rest of the platform declares tables."""
    columns = (Column(field.name, field.type.postgres, field.description) for field in spec.fields)
    return Table(
        spec.table,
        source="landing",
        database=spec.name,
        key=(KEY.name,),
        columns=(KEY, *columns),
        description=spec.description,
    )


def land_sales_history(
    folder: Path | None, staging: Connection, max_rejected_share: float | None = None
) -> LandingResult:
    """Land `ecommerce.csv` from `folder`, if it is there, in `raw.sales_history`.

    A line whose year, month and day are no date goes to quarantine. Raises `LandingError` for a file that is
    something else, or of which more than `max_rejected_share` cannot be landed; then nothing was written.
    """
    ensure_raw_table(sales_history_table(), DATED.name, staging)
    path = find(folder, ECOMMERCE.name)
    reader = DatedReader(CsvReader(ECOMMERCE, path)) if path else None
    return land(DATED, reader, SalesHistoryStore(staging, DATED), staging, max_rejected_share)
