"""The rows of one PostgreSQL table as COPY lines.

COPY's text has no room for a mark, so rows with a value that their column cannot hold are read apart, by a
second query in the same snapshot, which runs only where a declared type makes such values possible. Rows with
bytes that are no text are found on this side, see `postgresql_encoding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sync.connections.psycopg import sql
from sync.copytext import Chunk, Rejected, fields_of, misfit, reject
from sync.errors import SyncError
from sync.sources.postgresql.bound import GREATEST_NUMERIC
from sync.sources.postgresql.catalog import SourceTable, column_of
from sync.sources.postgresql.encoding import Encoding
from sync.sources.postgresql.types import Expression, expression
from sync.spec import Column, Table

MISFITS = b"f"
NOTHING = sql.SQL("")


def render(source: SourceTable, table: Table, column: Column, encoding: Encoding) -> Expression:
    """The expression of a declared column. Raises `SyncError` with table and column where there is none."""
    found = column_of(source, table, column.source_name)
    try:
        return expression(found, column.type, encoding if column.mask else None)
    except SyncError as error:
        raise SyncError(f"{table.qualified}, {error}") from error


def cursor_condition(source: SourceTable, table: Table, since: str) -> sql.Composed:
    """The rows whose cursor is at least `since`, as PostgreSQL writes it, or NULL, or no finite number: NaN
    and infinity are greater than all numbers."""
    column = column_of(source, table, table.cursor_source_name)
    condition = "({0} >= {1} OR {0} IS NULL"
    if column.may_be_infinite:
        condition += " OR {0} < {2}"  # -Infinity
    lowest = sql.Literal(f"-{GREATEST_NUMERIC}")
    return sql.SQL(f"{condition})").format(column.quoted, sql.Literal(since), lowest)


class RowReader:
    """Reads one table through one list of expressions, by `copy`, which runs a COPY."""

    def __init__(
        self,
        source: SourceTable,
        table: Table,
        columns: Sequence[Column],
        since: str | None,
        encoding: Encoding,
        copy: Callable[[sql.Composed], Iterator[Chunk]],
    ) -> None:
        self._source = source
        self._table = table
        self._columns = columns
        self._encoding = encoding
        self._copy = copy
        self._expressions = [render(source, table, column, encoding) for column in columns]
        self._where = sql.SQL("true") if since is None else cursor_condition(source, table, since)
        self._guards = [each.fits for each in self._expressions if each.fits is not None]

    def chunks(self) -> Iterator[Chunk]:
        """The table's rows, those from `since` on if there is one."""
        if not self._guards:
            yield from map(self._decoded, self._copy(self._query(NOTHING)))
            return
        fits = sql.SQL(" AND ").join(sql.SQL("({})").format(guard) for guard in self._guards)
        good = self._query(sql.SQL("AND ({}) IS NOT FALSE").format(fits))
        yield from map(self._decoded, self._copy(good))
        verdicts = NOTHING.join(
            sql.SQL(", ({}) IS NOT FALSE").format(sql.SQL("true") if each.fits is None else each.fits)
            for each in self._expressions
        )
        for chunk in self._copy(self._query(sql.SQL("AND ({}) IS FALSE").format(fits), verdicts)):
            yield Chunk(b"", 0, tuple(map(self._reject, chunk.lines.split(b"\n")[:-1])))

    def _query(self, condition: sql.Composable, verdicts: sql.Composable = NOTHING) -> sql.Composed:
        values = sql.SQL(", ").join(each.value for each in self._expressions)
        return sql.SQL("COPY (SELECT {}{} FROM {} WHERE {} {}) TO STDOUT{}").format(
            values, verdicts, self._source.quoted, self._where, condition, self._encoding.copy_option
        )

    def _decoded(self, chunk: Chunk) -> Chunk:
        lines = self._encoding.decode(chunk.lines)
        if lines is not None:
            return Chunk(lines, chunk.rows)
        rows = [(self._encoding.decode(row), row) for row in chunk.lines.split(b"\n")[:-1]]
        good = [decoded + b"\n" for decoded, _ in rows if decoded is not None]
        rejected = tuple(self._reject(row) for decoded, row in rows if decoded is None)
        return Chunk(b"".join(good), len(good), rejected)

    def _reject(self, row: bytes) -> Rejected:
        """A row for the quarantine, from its values and, where its values were judged, what was found."""
        found = fields_of(row)
        verdicts = found[len(self._columns) :] or [b""] * len(self._columns)
        fields: list[bytes] = []
        bent: dict[str, str] = {}
        for column, field, verdict in zip(self._columns, found, verdicts, strict=False):
            decoded = self._encoding.decode(field)
            fields.append(self._encoding.shown(field) if decoded is None else decoded)
            if decoded is None:
                bent[column.name] = f"{misfit(column, fields[-1])}: it is no text in {self._encoding.name}"
            elif verdict == MISFITS:
                bent[column.name] = misfit(column, fields[-1])
        loadable = not any(part in bent for part in self._table.key)
        return reject(self._table, self._columns, fields, "; ".join(bent.values()), loadable)
