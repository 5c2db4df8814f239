"""Bring a table of the lake up to its table in staging.

The batch up to which it holds staging's rows stands in the table's own log. Partitions that rows of later
batches belong to, or belonged to, are read from staging and replaced whole, in one commit with the new batch:
a pass that is killed has done nothing, and one that is repeated doubles nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.columns import LakeColumn, columns_of, lake_schema
from lake.delta import Origin, commit, open_table, snapshot_of
from lake.location import Location
from lake.rows import read
from lake.spec import PERIOD, LakeTable
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, sql
from sync.state import identity, lease

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

MOST_CHANGED = (
    500_000  # rows; beyond that a table is read whole instead of looked through for their partitions
)
LOOK_ROWS = 1 << 20
READ_ONLY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@dataclass(frozen=True)
class Filled:
    """What a pass did: `periods` are the partitions that it replaced (None: all of the table), `written` the
    rows that it wrote. The table is at `version` and `batch` then."""

    uri: str
    version: int
    batch: int
    rows: int
    files: int
    bytes: int
    periods: tuple[str, ...] | None
    written: int
    seconds: float


class _Pass:
    """One pass, inside a transaction of staging that reads one moment."""

    def __init__(self, table: LakeTable, staging: Connection, lake: Location) -> None:
        self._table = table
        self._staging = staging
        self._lake = lake
        self.written = 0
        with staging.cursor() as cursor:
            self._columns = columns_of(cursor, table.schema, table.name)
            cursor.execute("SELECT sync.table_batch(%s)", (self._name.as_string(cursor),))
            (self.batch,) = cursor.fetchone() or (0,)

    @property
    def _name(self) -> sql.Identifier:
        return sql.Identifier(self._table.schema, self._table.name)

    @property
    def schema(self) -> pa.Schema:
        import pyarrow as pa  # noqa: PLC0415

        return lake_schema(self._kept).append(pa.field(PERIOD, pa.string()))

    @property
    def _kept(self) -> list[LakeColumn]:
        return [column for column in self._columns if column.name != "_deleted"]

    def replaced(self, before: DeltaTable | None, batch: int | None) -> tuple[str, ...] | None:
        """The partitions to replace, None for all."""
        if before is None or batch is None or not self._has_schema(before):
            return None
        if batch >= self.batch:
            return ()
        with self._staging.cursor() as cursor:
            changed = sql.SQL("FROM {} WHERE _batch > {}").format(self._name, sql.Literal(batch))
            cursor.execute(sql.SQL("SELECT count(*) {}").format(changed))
            if (cursor.fetchone() or (0,))[0] > MOST_CHANGED or self._table.day is None:
                return None
            query = sql.SQL("SELECT DISTINCT {} {}").format(sql.SQL(self._table.period), changed)
            cursor.execute(query)
            periods = {period for (period,) in cursor}
        return tuple(sorted(periods | (self._left(before, changed) if self._table.can_move else set())))

    def _has_schema(self, before: DeltaTable) -> bool:
        import pyarrow as pa  # noqa: PLC0415

        held = pa.schema(before.schema().to_arrow())
        return {field.name: field.type for field in held} == {f.name: f.type for f in self.schema}

    def _left(self, before: DeltaTable, changed: sql.Composable) -> set[str]:
        """The partitions in which the lake has the changed rows until now."""
        import pyarrow as pa  # noqa: PLC0415

        by_name = {column.name: column for column in self._columns}
        key = [by_name[name] for name in self._table.key]
        keys = pa.Table.from_batches(read(self._staging, key, changed), lake_schema(key))
        if not keys.num_rows:
            return set()
        names = list(self._table.key)
        scanner = before.to_pyarrow_dataset().scanner(columns=[*names, PERIOD], batch_size=LOOK_ROWS)
        found: set[str] = set()
        for batch in scanner.to_batches():
            held = pa.Table.from_batches([batch])
            joined = held.join(keys, names, join_type="left semi")
            found.update(joined.column(PERIOD).unique().to_pylist())
        return found

    def rows(self, periods: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        period = sql.SQL(self._table.period)
        where: sql.Composable = sql.SQL("NOT _deleted")
        if periods is not None:
            where = sql.SQL("NOT _deleted AND {} = ANY ({})").format(period, sql.Literal(list(periods)))
        source = sql.SQL("FROM (SELECT *, {} AS {} FROM {} WHERE {}) AS live").format(
            period, sql.Identifier(PERIOD), self._name, where
        )
        for batch in read(self._staging, [*self._kept, LakeColumn(PERIOD, "text")], source):
            self.written += batch.num_rows
            yield batch


def fill(table: LakeTable, staging: Connection, lake: Location, run_id: str, rebuild: bool = False) -> Filled:
    """One pass over one table. `rebuild` replaces all of it, whatever it holds.

    Raises `TransientError` where the same pass may succeed later and `SyncError` where something has to
    change first; in both cases the table is as it was.
    """
    began = time.monotonic()
    with postgresql_errors(f"{table.folder} into the lake"):
        who = str(identity(staging))
        with lease(staging, f"lake {lake.root} {table.folder}"), staging:
            with staging.cursor() as cursor:
                cursor.execute(READ_ONLY)
            moving = _Pass(table, staging, lake)
            before = None if rebuild else open_table(lake, table.folder)
            held = before.transaction_version(who) if before else None
            periods = moving.replaced(before, held)
            if periods != ():
                origin = Origin(who, moving.batch, run_id)
                commit(lake, table.folder, moving.schema, moving.rows(periods), origin, periods)
    after = before if periods == () else open_table(lake, table.folder)
    assert after is not None
    found = snapshot_of(after)
    return Filled(
        found.uri,
        found.version,
        moving.batch,
        found.rows,
        len(found.files),
        found.bytes,
        periods,
        moving.written,
        time.monotonic() - began,
    )
