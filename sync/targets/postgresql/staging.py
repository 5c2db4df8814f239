"""Rows on their way: temporary tables beside the target, filled by COPY, and the rows that COPY refuses."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence

from sync.connections import psycopg
from sync.connections.psycopg import TRANSACTION_STATUS_INTRANS, Cursor, sql
from sync.copytext import NULL, Chunk, Rejected, escape, fields_of, line, reject
from sync.spec import Column, Table
from sync.targets.postgresql.long_keys import take_long_keys
from sync.targets.postgresql.names import WorkTables, column_list, identifier
from sync.targets.postgresql.wide_rows import take_wide_rows

# Data exceptions, violated constraints (a domain's, a key's NOT NULL) and program limits speak of one row.
ROW_ERRORS = ("22", "23", "54")
# A row's size is looked at when many are written at once: the line that is named then is the last one read.
LATE_ERRORS = "54"
SHRINK = 8
SEND_BYTES = 1 << 18  # at once: the driver keeps a buffer of this size, and the library one of twice that
# "COPY staged, line 3, column price: …": line and column are in the server's language.
_CONTEXT = re.compile(r"COPY .+, \S+ (?P<line>\d+)(?:, \S+ (?P<column>.+?)(?::|$))?", re.MULTILINE)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
# Numbers that no cursor's position can be, as PostgreSQL writes them.
NOT_FINITE = ["NaN", "Infinity", "-Infinity"]


class Staging:
    """The staged and the rejected rows of one load, in temporary tables, or straight `into` a table that has
    one for rejected rows beside it."""

    def __init__(
        self,
        cursor: Cursor,
        table: Table,
        columns: Sequence[Column],
        work: WorkTables,
        into: sql.Identifier | None = None,
    ) -> None:
        self._cursor = cursor
        self._work = work
        self._table = table
        self._columns = columns
        self.into = into or work.staged
        self._made = into is not None
        self._stale = False

    @property
    def empty(self) -> bool:
        """Whether nothing was staged since the beginning, or since what was staged was forgotten."""
        return not self._made or self._stale

    def make(self) -> None:
        """Make the tables, or empty them. Many a pass finds nothing to stage and needs none."""
        if not self.empty:
            return
        tables = self._definitions()
        if self._made:
            names = sql.SQL(", ").join(name for name, _ in tables)
            self._cursor.execute(sql.SQL("TRUNCATE {}").format(names))
        else:
            create = [sql.SQL("CREATE TEMP TABLE {} ({})").format(*table) for table in tables]
            self._cursor.execute(sql.SQL("; ").join(create))
        self._made, self._stale = True, False

    def _definitions(self) -> list[tuple[sql.Identifier, sql.Composed]]:
        keys = [column for column in self._columns if column.name in self._table.key]
        return [
            (self._work.staged, column_definitions(self._table, self._columns)),
            (self._work.touched, column_definitions(self._table, keys)),
            (self._work.rejected, rejected_definitions(self._table, self._columns)),
        ]

    def take(self, chunk: Chunk) -> int:
        """Stage a part of the rows; returns how many were rejected, by its reader or here."""
        refused = self.add(chunk.lines) if chunk.lines else []
        if rejected := [*chunk.rejected, *refused]:
            self.add_rejected(rejected)
        return len(rejected)

    def add(self, lines: bytes) -> list[Rejected]:
        """Stage rows; returns those that the columns' types refuse."""
        self.make()
        names = column_list(column.name for column in self._columns)
        return [
            reject(self._table, self._columns, fields_of(row), reason, key_loadable=True)
            for row, reason in _copy_rows(self._cursor, self.into, names, lines)
        ]

    def reject_misfits(self) -> int:
        """Reject the staged rows whose keys fit no index, and those that fit no page together with our own
        columns, inside a transaction; returns how many."""
        rows: list[Rejected] = []
        for take in (take_long_keys, take_wide_rows):
            rows += take(self._cursor, self._table, self._columns, self._work, self.into)
        if rows:
            self.add_rejected(rows)
        return len(rows)

    def add_rejected(self, rows: Sequence[Rejected]) -> None:
        """Keep rejected rows, with their keys as values where the key's types hold them."""
        self.make()
        names = sql.SQL(", ").join(
            [*rejected_key(self._table), sql.SQL("key"), sql.SQL("reason"), sql.SQL("raw")]
        )
        keyless = (NULL,) * len(self._table.key)
        lines = b"".join(
            line((*(row.key or keyless), escape(row.key_text), escape(row.reason), escape(row.raw)))
            for row in rows
        )
        # Refused is a letter that the database's encoding lacks, or a key that its type does not hold.
        for clear in ((), keyless):
            refused = [
                fields_of(row) for row, _ in _copy_rows(self._cursor, self._work.rejected, names, lines)
            ]
            lines = b"".join(
                line((*(clear or row[: len(keyless)]), *map(_in_ascii, row[len(keyless) :])))
                for row in refused
            )
        if lines:
            _copy(self._cursor, self._work.rejected, names, lines)

    def add_touched(self, keys: bytes) -> None:
        """Keep keys, in the order of the declared key; one that the target's types cannot hold is none of a
        row that was loaded."""
        self.make()
        for _ in _copy_rows(self._cursor, self._work.touched, column_list(self._table.key), keys):
            pass

    def greatest(self, column: str) -> str | None:
        """The greatest value of a column, as text; NaN and the infinities are none."""
        if self.empty:
            return None
        statement = sql.SQL("SELECT max({0})::text FROM {1}").format(identifier(column), self.into)
        finite = sql.SQL(" WHERE {}::text <> ALL ({})").format(identifier(column), sql.Literal(NOT_FINITE))
        found = self._value(statement)
        return self._value(statement + finite) if found in NOT_FINITE else found

    def _value(self, statement: sql.Composed) -> str | None:
        self._cursor.execute(statement)
        row = self._cursor.fetchone()
        return row[0] if row else None

    def analyze(self) -> None:
        """Tell the planner about the keys that it joins by; other columns would cost more than they help."""
        if self.into == self._work.staged and self._table.key:
            keys = column_list(self._table.key)
            self._cursor.execute(sql.SQL("ANALYZE {} ({})").format(self.into, keys))

    def clear(self) -> None:
        """Forget what was staged."""
        self._stale = True


def column_definitions(table: Table, columns: Sequence[Column]) -> sql.Composed:
    """The columns with their types; a key's take no NULL, so that a row without one is refused by name."""
    return sql.SQL(", ").join(
        sql.SQL("{} {} {}").format(
            identifier(column.name),
            sql.SQL(column.type),
            sql.SQL("NOT NULL" if column.name in table.key else ""),
        )
        for column in columns
    )


def rejected_definitions(table: Table, columns: Sequence[Column]) -> sql.Composed:
    """The columns of rejected rows: the key as values, where its types hold it, and texts."""
    types = {column.name: sql.SQL(column.type) for column in columns}
    typed = [
        sql.SQL("{} {}, ").format(key, types[part])
        for part, key in zip(table.key, rejected_key(table), strict=True)
    ]
    return sql.Composed([*typed, sql.SQL("key text, reason text, raw text")])


def rejected_key(table: Table) -> list[sql.Identifier]:
    """The columns of the key in the table of rejected rows, where they cannot clash with others."""
    return [sql.Identifier(f"k{number}") for number in range(len(table.key))]


def _copy_rows(
    cursor: Cursor, table: sql.Identifier, names: sql.Composed, lines: bytes
) -> Iterator[tuple[bytes, str]]:
    """COPY all rows but those that fail, which are yielded with the server's reason.

    PostgreSQL names the line that failed: the rows before it are good. Where it does not, halving finds it.
    After a failure the next attempts are smaller, so that many bad rows cost a few attempts each.
    """
    if not lines or (error := _attempt(cursor, table, names, lines)) is None:
        return
    rows = [row + b"\n" for row in lines.split(b"\n")[:-1]]
    position, window = 0, len(rows)
    while position < len(rows):
        piece = rows[position : position + window]
        if error is None:
            error = _attempt(cursor, table, names, b"".join(piece))
        if error is None:
            position, window = position + len(piece), window * 2
            continue
        bad = _failed_line(error, len(piece))
        if bad is not None:
            if bad:
                _copy(cursor, table, names, b"".join(piece[:bad]))
            yield piece[bad], _reason(error)
            position += bad + 1
        window = max(1, len(piece) // (SHRINK if bad is not None else 2))
        error = None


def _attempt(
    cursor: Cursor, table: sql.Identifier, names: sql.Composed, lines: bytes
) -> psycopg.Error | None:
    """A COPY that takes back itself alone if it fails, also inside a transaction."""
    inside = cursor.connection.info.transaction_status == TRANSACTION_STATUS_INTRANS
    if inside:
        cursor.execute("SAVEPOINT copied")
    try:
        _copy(cursor, table, names, lines)
    except psycopg.Error as error:
        if not (error.pgcode or "").startswith(ROW_ERRORS):
            raise
        if inside:
            cursor.execute("ROLLBACK TO copied")
        return error
    if inside:
        cursor.execute("RELEASE copied")
    return None


def _copy(cursor: Cursor, table: sql.Identifier, names: sql.Composed, lines: bytes) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN WITH (ENCODING 'UTF8')").format(table, names)
    cursor.copy_expert(statement, io.BytesIO(lines), SEND_BYTES)


def _failed_line(error: psycopg.Error, rows: int) -> int | None:
    if (error.pgcode or "").startswith(LATE_ERRORS):
        return 0 if rows == 1 else None
    match = _CONTEXT.search(error.diag.context or "")
    if match and 0 < int(match["line"]) <= rows:
        return int(match["line"]) - 1
    return 0 if rows == 1 else None


def _in_ascii(text: bytes) -> bytes:
    """A COPY field with the letters beyond ASCII's as JSON escapes them, so that raw values mean the same."""
    escaped = _BEYOND_ASCII.sub(lambda found: json.dumps(found[0])[1:-1].replace("\\", r"\\"), text.decode())
    return escaped.encode()


def _reason(error: psycopg.Error) -> str:
    match = _CONTEXT.search(error.diag.context or "")
    column = f"column {match['column']}: " if match and match["column"] else ""
    return f"{column}{error.diag.message_primary}"
