"""Land a file without a key in a raw table of staging.

A line is known by its values and by which of its like it is: the table's column `occurrence` counts equal
lines from 1. So a file that grew adds its new lines, and no line lands twice; one that was marked as deleted
in the table stays away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from landing.csv_reader import CsvReader, Row
from landing.land import land
from landing.landing_file import Memory, find
from landing.lines import Line, Reject
from landing.postgres import STAGED, copy_rows, identifiers
from landing.postgres_store import PostgresStore
from landing.raw_tables import ensure_raw_table
from landing.result import LandingResult, Merged
from landing.spec import FileSpec
from sync.connections.psycopg import Connection, Cursor, sql
from sync.newest_batches import store_batch, summarize
from sync.spec import Column, Table
from sync.state import next_batch

OCCURRENCE = "occurrence"

Check = Callable[[Row], None]
"""Raises `ValueError` with the reason why a line cannot be landed although each value is one."""

_NEW = (
    "FROM (SELECT s.*, row_number() OVER (PARTITION BY {columns} ORDER BY number) AS occurrence"
    " FROM {staged} s) n WHERE NOT EXISTS (SELECT FROM {target} t"
    " WHERE ({kept}) = ({new}) AND t.occurrence = n.occurrence)"
)
_INSERT = (
    "INSERT INTO {target} ({columns}, occurrence, _batch, _changed_at, _deleted)"
    " SELECT {new}, n.occurrence, %s, now(), false " + _NEW + " ORDER BY n.number"
)


def lines_table(spec: FileSpec) -> Table:
    """The raw table of a file without a key. All its values are required: NULL is equal to nothing."""
    columns = tuple(Column(field.name, field.type.postgres, field.description) for field in spec.fields)
    occurrence = Column(OCCURRENCE, "bigint", "Which of the file's equal lines it is, counted from 1")
    return Table(
        spec.table,
        source="landing",
        database=spec.name,
        key=(*spec.columns, OCCURRENCE),
        columns=(*columns, occurrence),
        description=spec.description,
    )


def land_lines(
    spec: FileSpec,
    check: Check,
    folder: Path | None,
    staging: Connection,
    max_rejected_share: float | None = None,
) -> LandingResult:
    """Land a file without a key from `folder`, if it is there; its table is there afterwards in any case.

    Raises `LandingError` for a file that is something else, or of which more than `max_rejected_share` cannot
    be landed; then nothing was written.
    """
    ensure_raw_table(lines_table(spec), spec.name, staging)
    path = find(folder, spec.name)
    reader = CsvReader(spec, path) if path else None
    return land(spec, reader, _LineStore(staging, spec, check), staging, max_rejected_share)


class _LineStore(PostgresStore):
    def __init__(self, connection: Connection, spec: FileSpec, check: Check) -> None:
        super().__init__(connection, spec)
        self._check = check

    def stage(self, rows: Iterator[Line[Row]], reject: Reject) -> None:
        with self.connection.cursor() as cursor:
            copy_rows(cursor, self.spec, self._checked(rows, reject))

    def _checked(self, rows: Iterator[Line[Row]], reject: Reject) -> Iterator[Line[Row]]:
        for row in rows:
            try:
                self._check(row.content)
            except ValueError as error:
                reject(row.number, row.raw, str(error))
            else:
                yield row

    def _apply(self, cursor: Cursor, memory: Memory) -> Merged:
        """A batch number is drawn last, and only if there is something to write."""
        names = {
            "target": self.target,
            "staged": STAGED,
            "columns": identifiers(self.spec.columns),
            "kept": identifiers(self.spec.columns, "t"),
            "new": identifiers(self.spec.columns, "n"),
        }
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT " + _NEW + ")").format(**names))
        if cursor.fetchone() == (False,):
            return Merged(unchanged=memory.outcome.landed)
        batch = next_batch(cursor)
        cursor.execute(sql.SQL(_INSERT).format(**names), (batch,))
        inserted = cursor.rowcount
        store_batch(cursor, self.target, batch)
        summarize(cursor, self.target)
        return Merged(inserted=inserted, unchanged=memory.outcome.landed - inserted)
