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
from sync.mirror.views import View

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

NAMED_KEYS = 20
NOT_THERE = "it is not in production: mirror it first"


class Finding(StrEnum):
    """What is wrong with a row of production."""

    DIFFERENT = "differs"
    MISSING = "is missing"
    UNEXPECTED = "should not be there"


class RowDifference(NamedTuple):
    """One row that differs, by its key: `sale_key=17`."""

    key: str
    finding: Finding

    def __str__(self) -> str:
        return f"{self.key} {self.finding}"


@dataclass(frozen=True)
class Comparison:
    """How one table compares. `rows` counts what was compared, as expected and as production has it, `moved`
    the rows that were left out because staging changed them since.

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
        named = "; ".join(map(str, self.first))
        return (
            f"{self.table}: {self.different} of {max(self.rows)} rows in production are wrong: {named}{rest}"
        )


@dataclass(frozen=True)
class _Scope:
    """The rows of one table that are compared, as queries for their key and `_hash`: `expected` in staging,
    `actual` in production. Both leave out the `moved` rows, which staging changed since."""

    form: TableForm
    expected: sql.Composed
    actual: sql.Composed
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
            present = read_forms(target, tables)
            standings = read_production(target) if present else {}
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
            computing = thread.submit(_fingerprints, source, "staging", [scope.expected for scope in scopes])
            there = _fingerprints(target, "production", [scope.actual for scope in scopes])
            here = computing.result()
        for scope, expected, actual in zip(scopes, here, there, strict=True):
            different, first = (0, ()) if expected == actual else _name_rows(source, target, scope)
            rows = expected[0], actual[0]
            comparisons[scope.form.name] = Comparison(scope.form.name, rows, scope.moved, different, first)
    return [comparisons[name] for name in tables]


def verify_view(production: Connection, view: View) -> Comparison:
    """Compare a materialized view with what its query finds now; writes nothing."""
    key = column_list(view.key, of="t")
    hashed = sql.SQL("SELECT {}, hashtextextended(t::text, 0) AS _hash FROM {} AS t")
    expected = hashed.format(key, sql.SQL("({})").format(sql.SQL(view.query)))
    actual = hashed.format(key, view.name.identifier)
    with (
        transaction(production, "production", snapshot=True) as cursor,
        postgresql_errors(f"production, {view.name}"),
    ):
        cursor.execute("SELECT to_regclass(%s)", [view.name.identifier.as_string(cursor)])
        if cursor.fetchone() == (None,):
            return Comparison(view.name, rows=(0, 0), moved=0, obstacle=NOT_THERE)
        here, there = _fingerprints(cursor, "production", [expected, actual])
        different, first = (0, ()) if here == there else _differences(cursor, view.key, expected, actual)
    return Comparison(view.name, (here[0], there[0]), 0, different, first)


def _obstacle(wanted: TableForm, present: TableForm | None) -> str | None:
    if present is None:
        return NOT_THERE
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
    table, keys = form.name.identifier, column_list(form.key)
    hashed = sql.SQL("SELECT {}, hashtextextended(ROW({})::text, 0) AS _hash FROM {} AS t").format(
        column_list(form.key, of="t"), column_list(form.column_names, of="t"), table
    )
    live = hashed + sql.SQL(" WHERE NOT t._deleted")
    if standing is None or standing.position == position or not standing.position.leads_to(position):
        return _Scope(form, live, hashed, moved=0)
    batch = sql.Literal(standing.position.batch)
    beside = sql.Identifier("pg_temp", f"moved_{number}")
    since = sql.SQL("SELECT {} FROM {} WHERE _batch > {}").format(keys, table, batch)
    with postgresql_errors(f"production, {form.name}"):
        moved = _copy_beside(source, since, target, sql.SQL("SELECT {} FROM {}").format(keys, table), beside)
    return _Scope(
        form,
        live + sql.SQL(" AND t._batch <= {}").format(batch),
        hashed
        + sql.SQL(" WHERE NOT EXISTS (SELECT FROM {} AS i WHERE {})").format(beside, same_key(form.key)),
        moved,
    )


def _copy_beside(
    source: Cursor, rows: sql.Composed, target: Cursor, like: sql.Composed, beside: sql.Identifier
) -> int:
    """Copy the rows of a query into a temporary table with the columns of another; returns their number."""
    target.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {} WITH NO DATA").format(beside, like)
    )
    count = stream(source, rows, target, beside)
    target.execute(sql.SQL("ANALYZE {}").format(beside))
    return count


def _fingerprints(cursor: Cursor, where: str, queries: Sequence[sql.Composed]) -> list[tuple[int, int]]:
    """The number of rows of each query and the sum of their hashes."""
    fingerprints = []
    for query in queries:
        with postgresql_errors(where):
            cursor.execute(sql.SQL("SELECT count(*), coalesce(sum(_hash), 0) FROM ({}) AS t").format(query))
            ((count, total),) = cursor.fetchall()
        fingerprints.append((int(count), int(total)))
    return fingerprints


def _name_rows(source: Cursor, target: Cursor, scope: _Scope) -> tuple[int, tuple[RowDifference, ...]]:
    """Bring the hashes of staging's rows to production and find the rows that differ there."""
    beside = sql.Identifier("pg_temp", "expected")
    with postgresql_errors(f"production, {scope.form.name}"):
        _copy_beside(source, scope.expected, target, scope.actual, beside)
        expected = sql.SQL("SELECT * FROM {}").format(beside)
        found = _differences(target, scope.form.key, expected, scope.actual)
        target.execute(sql.SQL("DROP TABLE {}").format(beside))
    return found


def _differences(
    cursor: Cursor, key: Sequence[str], expected: sql.Composed, actual: sql.Composed
) -> tuple[int, tuple[RowDifference, ...]]:
    """How many rows differ between two queries on one server, and the first of them by key."""
    cursor.execute(
        sql.SQL(
            "SELECT count(*) OVER (), t._hash IS NULL, i._hash IS NULL, {} FROM ({}) AS i"
            " FULL JOIN ({}) AS t ON {} WHERE t._hash IS DISTINCT FROM i._hash ORDER BY {} LIMIT {}"
        ).format(
            sql.SQL(", ").join(
                sql.SQL("coalesce(i.{0}, t.{0})::text").format(sql.Identifier(name)) for name in key
            ),
            expected,
            actual,
            same_key(key),
            sql.SQL(", ").join(
                sql.SQL("coalesce(i.{0}, t.{0})").format(sql.Identifier(name)) for name in key
            ),
            sql.Literal(NAMED_KEYS),
        )
    )
    found = cursor.fetchall()
    return (found[0][0] if found else 0), tuple(
        RowDifference(
            ", ".join(f"{name}={value}" for name, value in zip(key, values, strict=True)),
            Finding.MISSING if missing else Finding.UNEXPECTED if unexpected else Finding.DIFFERENT,
        )
        for _, missing, unexpected, *values in found
    )
