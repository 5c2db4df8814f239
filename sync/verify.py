"""Compare production with staging, row for row, at one moment.

Each side computes a count and the sum of its rows' hashes, so that rows cross the network only when a table
differs and its keys are asked for. A row is hashed in its text form, which tells -0.0 from 0 and 1.0 from
1.00. The sum does not depend on the rows' order; that two different sets of rows share it has a chance of
one in 2^64.

The moment is the position up to which production has followed staging. Staging may have moved on since: the
rows with a later batch are left out, on both sides by their keys, for what they were at that moment is known
to production alone. A pass of the mirror and the comparison after it thus agree while the shop goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from psycopg2 import sql

from sync.connections import postgresql_errors
from sync.mirror.form import TableForm, TableName, column_list, read_forms, staging_forms
from sync.mirror.positions import Position, Standing, read_production, read_staging
from sync.mirror.rows import same_key, stream
from sync.mirror.sessions import transaction

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

NAMED_KEYS = 20


class Finding(StrEnum):
    """What is wrong with a row of production."""

    DIFFERENT = "differs"
    MISSING = "is missing in production"
    UNEXPECTED = "is in production alone"


class RowDifference(NamedTuple):
    """One row that differs, by its key: `sale_key=17`."""

    key: str
    finding: Finding

    def __str__(self) -> str:
        return f"{self.key} {self.finding}"


@dataclass(frozen=True)
class Comparison:
    """How one table compares. `rows` counts what was compared in staging and in production, `moved` the rows
    that were left out because staging changed them since.

    `different` counts the rows that differ, `first` names some of them, by key. `obstacle` says why a table
    could not be compared at all.
    """

    table: TableName
    rows: tuple[int, int]
    moved: int
    different: int = 0
    first: tuple[RowDifference, ...] = ()
    obstacle: str | None = None

    @property
    def equal(self) -> bool:
        return not self.different and self.obstacle is None

    def __str__(self) -> str:
        """One line that names the table and, where it differs, the rows."""
        if self.obstacle:
            return f"{self.table}: {self.obstacle}"
        if self.equal:
            return f"{self.table}: {self.rows[1]} rows are equal"
        rest = f" and {self.different - len(self.first)} more" if self.different > len(self.first) else ""
        return (
            f"{self.table}: {self.different} of {max(self.rows)} rows differ between staging and production: "
            + "; ".join(map(str, self.first))
            + rest
        )


@dataclass(frozen=True)
class _Scope:
    """The rows of one table that are compared: `live` in staging, `kept` in production, as FROM clauses of
    the alias `t`. The sides differ by `moved` rows, which staging changed since."""

    form: TableForm
    live: sql.Composed
    kept: sql.Composed
    moved: int


def verify(staging: Connection, production: Connection, tables: Sequence[TableName]) -> list[Comparison]:
    """Compare `tables` row for row, one result each; both connections are in autocommit mode. Both sides
    compute at the same time, and nothing is written.

    Where a table was built anew in staging since it was mirrored, nothing can be left out, and all its rows
    are compared. Raises `SyncError` for a table that staging does not have, `TransientError` when a server
    is away.
    """
    # Production first: whatever it was given by then, the later snapshot of staging knows.
    with (
        transaction(production, "production", snapshot=True) as target,
        transaction(staging, "staging", snapshot=True) as source,
    ):
        with postgresql_errors("production"):
            present, standings = read_forms(target, tables), read_production(target)
        wanted, positions = staging_forms(source, tables), read_staging(source, tables)
        comparisons = {
            name: Comparison(name, rows=(0, 0), moved=0, obstacle=obstacle)
            for name in tables
            if (obstacle := _obstacle(wanted[name], present.get(name)))
        }
        scopes = [
            _scope(source, target, wanted[name], standings.get(name), positions[name], number)
            for number, name in enumerate(tables)
            if name not in comparisons
        ]
        with ThreadPoolExecutor(1) as thread:
            computing = thread.submit(_fingerprints, source, "staging", [(s.form, s.live) for s in scopes])
            there = _fingerprints(target, "production", [(s.form, s.kept) for s in scopes])
            here = computing.result()
        for scope, expected, found in zip(scopes, here, there, strict=True):
            different, first = (0, ()) if expected == found else _differences(source, target, scope)
            comparisons[scope.form.name] = Comparison(
                scope.form.name, (expected[0], found[0]), scope.moved, different, first
            )
    return [comparisons[name] for name in tables]


def _obstacle(wanted: TableForm, present: TableForm | None) -> str | None:
    if present is None:
        return "it is not in production: mirror it first"
    types = {column.name: column.type for column in present.columns}
    for column in wanted.columns:
        if column.name not in types:
            return f"production lacks the column {column.name}: mirror the table first"
        if types[column.name] != column.type:
            return (
                f"the column {column.name} is {column.type} in staging and {types[column.name]} in"
                f" production: mirror the table first"
            )
    return None


def _scope(
    source: Cursor,
    target: Cursor,
    form: TableForm,
    standing: Standing | None,
    position: Position,
    number: int,
) -> _Scope:
    table = form.name.identifier
    live = sql.SQL("{} AS t WHERE NOT t._deleted").format(table)
    kept = sql.SQL("{} AS t WHERE true").format(table)
    if standing is None or standing.position == position or not standing.position.leads_to(position):
        return _Scope(form, live, kept, moved=0)
    batch, keys = sql.Literal(standing.position.batch), column_list(form.key)
    beside = sql.Identifier("pg_temp", f"moved_{number}")
    with postgresql_errors(f"production, {form.name}"):
        target.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                beside, keys, table
            )
        )
        moved = stream(
            source, sql.SQL("SELECT {} FROM {} WHERE _batch > {}").format(keys, table, batch), target, beside
        )
        target.execute(sql.SQL("ANALYZE {}").format(beside))
    return _Scope(
        form,
        live + sql.SQL(" AND t._batch <= {}").format(batch),
        kept + sql.SQL(" AND NOT EXISTS (SELECT FROM {} AS i WHERE {})").format(beside, same_key(form)),
        moved,
    )


def _hash(form: TableForm) -> sql.Composed:
    return sql.SQL("hashtextextended(ROW({})::text, 0)").format(column_list(form.column_names, of="t"))


def _fingerprints(
    cursor: Cursor, where: str, rows: Sequence[tuple[TableForm, sql.Composed]]
) -> list[tuple[int, int]]:
    """The number of rows and the sum of their hashes, for each table."""
    fingerprints = []
    for form, clause in rows:
        with postgresql_errors(f"{where}, {form.name}"):
            cursor.execute(
                sql.SQL("SELECT count(*), coalesce(sum({}), 0) FROM {}").format(_hash(form), clause)
            )
            ((count, total),) = cursor.fetchall()
        fingerprints.append((int(count), int(total)))
    return fingerprints


def _differences(source: Cursor, target: Cursor, scope: _Scope) -> tuple[int, tuple[RowDifference, ...]]:
    """How many rows differ, and the first of them by key."""
    form, beside = scope.form, sql.Identifier("pg_temp", "expected")
    hashed = sql.SQL("SELECT {}, {} AS _hash FROM ").format(column_list(form.key, of="t"), _hash(form))
    with postgresql_errors(f"production, {form.name}"):
        target.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {} WITH NO DATA").format(
                beside, hashed + scope.kept
            )
        )
        stream(source, hashed + scope.live, target, beside)
        keys = sql.SQL(", ").join(
            sql.SQL("coalesce(t.{0}, i.{0})::text").format(sql.Identifier(name)) for name in form.key
        )
        target.execute(
            sql.SQL(
                "SELECT count(*) OVER (), t._hash IS NULL, i._hash IS NULL, {} FROM ({}) AS t"
                " FULL JOIN {} AS i ON {} WHERE t._hash IS DISTINCT FROM i._hash ORDER BY {} LIMIT {}"
            ).format(
                keys,
                hashed + scope.kept,
                beside,
                same_key(form),
                sql.SQL(", ").join(map(sql.Literal, range(4, 4 + len(form.key)))),
                sql.Literal(NAMED_KEYS),
            )
        )
        found = target.fetchall()
        target.execute(sql.SQL("DROP TABLE {}").format(beside))
    return (found[0][0] if found else 0), tuple(
        RowDifference(
            ", ".join(f"{name}={value}" for name, value in zip(form.key, key, strict=True)),
            Finding.MISSING if missing else Finding.UNEXPECTED if unexpected else Finding.DIFFERENT,
        )
        for _, missing, unexpected, *key in found
    )
