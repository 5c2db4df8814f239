"""One pass into one table of a PostgreSQL database: its rows staged beside it, then applied."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sync.connections import psycopg
from sync.connections.psycopg import Connection, sql
from sync.copytext import Chunk
from sync.declaration import as_json
from sync.errors import SyncError
from sync.newest_batches import summarize
from sync.objects import SourceObject
from sync.sources.base import Description
from sync.spec import Column, Strategy, Table
from sync.state import Lease, read_state, write_state
from sync.table_state import TableState
from sync.targets.base import Applied, Extent, Moment, Shape, refuse_share
from sync.targets.postgresql import quarantine
from sync.targets.postgresql.adopt import AdoptingMerge, shared_columns
from sync.targets.postgresql.catalog import is_empty, is_table
from sync.targets.postgresql.checkpoint import PostgreSQLKeptLoad
from sync.targets.postgresql.comparison import Comparison
from sync.targets.postgresql.drift import reads_anew
from sync.targets.postgresql.encoding import storable
from sync.targets.postgresql.first import FirstLoad
from sync.targets.postgresql.known_objects import read_objects, write_objects
from sync.targets.postgresql.names import WorkTables, identifier
from sync.targets.postgresql.newest import Newest
from sync.targets.postgresql.plan import Plan
from sync.targets.postgresql.staging import Staging
from sync.targets.postgresql.stamp import Stamp
from sync.targets.postgresql.tables import HISTORY_SCHEMA, has_log, plan_own
from sync.targets.postgresql.upsert import Upsert

OWN = {Extent.COMPLETE: Comparison, Extent.PARTIAL: Upsert}


class PostgreSQLLoad:
    """One pass into one table; see `targets.base.Load`."""

    def __init__(
        self, connection: Connection, table: Table, held: Lease, number: int, dry_run: bool = False
    ) -> None:
        self._connection = connection
        self._dry_run = dry_run
        self._cursor = connection.cursor()
        self._table = replace(table, description=storable(connection, table.description))
        self._lease = held
        self._work = WorkTables.numbered(number)
        self._columns: tuple[Column, ...] = ()
        self._plan = Plan()
        self._staging: Staging
        self._has_new_rows = False
        self._special: FirstLoad | AdoptingMerge | None = None
        self.kept: PostgreSQLKeptLoad | None = None
        self.state: TableState | None = read_state(self._cursor, table.schema, table.name)

    def shape(self, description: Description, reload: bool = False) -> Shape:
        with self._connection:
            return self._shape(description.columns, reload)

    def _shape(self, described: tuple[Column, ...], reload: bool) -> Shape:
        cursor, table = self._cursor, self._table
        columns = tuple(
            replace(each, description=storable(self._connection, each.description)) for each in described
        )
        if table.adopt:
            columns = shared_columns(cursor, table, columns, self._plan)
            self._special = AdoptingMerge(cursor, table, columns, self._work)
            self._plan.complete = self.state is not None and reads_anew(table, columns, self.state)
        elif (
            not table.key
            or table.strategy is Strategy.LATEST  # several rows of a key may come
            or is_table(cursor, table.schema, table.name)
            or has_log(cursor, table)
        ):
            self._plan = plan_own(cursor, table, columns, self.state, reload)
        else:
            self._special = self._first_load(columns)
        self._columns = columns
        emptied = self._is_emptied()
        into = self._special.loading if isinstance(self._special, FirstLoad) else None
        self._staging = Staging(cursor, table, columns, self._work, into)
        return Shape(columns, complete=into is not None or self._plan.complete or emptied, emptied=emptied)

    def _is_emptied(self) -> bool:
        """Whether somebody else has taken all rows away, tombstones too, as TRUNCATE does."""
        cursor, table = self._cursor, self._table
        if self.state is None or not self.state.rows or not is_table(cursor, table.schema, table.name):
            return False
        return is_empty(cursor, table.schema, table.name)

    def _first_load(self, columns: tuple[Column, ...]) -> FirstLoad:
        first = FirstLoad(self._cursor, self._table, columns, self._work, self._dry_run)
        if self._table.strategy is Strategy.LOG and not self._dry_run:
            self.kept = PostgreSQLKeptLoad(self._connection, first, self._lease, self._work)
        if self.kept is None or self.kept.checkpoint is None:
            first.prepare()
        self._work = first.work
        return first

    @property
    def objects(self) -> dict[str, SourceObject]:
        with self._connection:
            return read_objects(self._cursor, self._table.schema, self._table.name)

    def stage(self, chunk: Chunk) -> int:
        return self._staging.take(chunk)

    def stage_keys(self, keys: bytes) -> None:
        if keys:
            self._staging.add_touched(keys)

    def greatest(self, column: str) -> str | None:
        return self._staging.greatest(column)

    def apply(
        self, moment: Moment, extent: Extent, dry_run: bool = False, name_differing: int = 0
    ) -> Applied:
        self.prepare(extent)
        with self._connection:
            applied = self.write(moment, extent, name_differing)
            if dry_run:
                self._connection.rollback()
        self.finish()
        return applied

    def advance(self, position: str, at: datetime) -> None:
        assert self.state is not None
        self.state = replace(self.state, position=position, synced_at=at)
        with self._connection:
            self._lease.check(self._cursor)
            write_state(self._cursor, self._table.schema, self._table.name, self.state)

    @property
    def name(self) -> str:
        return self._table.qualified

    def prepare(self, extent: Extent) -> None:
        """What has to be done before the transaction in which `write` is called."""
        if not self._unchanged(extent):
            self._staging.make()
            if extent is Extent.COMPLETE or self._table.adopt:
                self._staging.analyze()

    def _unchanged(self, extent: Extent) -> bool:
        """Whether there is nothing to do but to remember the pass."""
        return extent is Extent.PARTIAL and self._staging.empty and not self._plan.statements

    def discard(self) -> None:
        """Throw away what a first load has beside its table."""
        if isinstance(self._special, FirstLoad):
            self._special.discard()

    def leave(self) -> None:
        """Throw away what a first load has left that did not come to its end and cannot be gone on with."""
        first = self._special
        if not isinstance(first, FirstLoad) or self._connection.closed:
            return
        with suppress(psycopg.Error, SyncError), self._connection:
            self._lease.check(self._cursor)
            if first.exists() and (self.kept is None or self.kept.checkpoint is None):
                first.discard()

    def finish(self) -> None:
        """What is left to do after that transaction."""
        if not isinstance(self._special, FirstLoad):
            self._staging.clear()
        self._plan = Plan()
        if self._has_new_rows:
            schemas = (self._table.schema, HISTORY_SCHEMA)[: 1 + self._table.history]
            for schema in schemas:
                summarize(self._cursor, identifier(schema, self._table.name))
        self._has_new_rows = False

    def write(self, moment: Moment, extent: Extent, name_differing: int = 0) -> Applied:
        """Apply what was staged, inside a transaction of the caller."""
        self._lease.check(self._cursor)
        # Of a file that was read anew no line may be broken any more, though its rows are what they were.
        reads_files = bool(moment.objects and moment.objects.read)
        if self._unchanged(extent) and self.state and not reads_files:
            applied = Applied(0, 0, 0, self.state.quarantined, self.state.rows, covered=0, batch=None)
        else:
            self._refuse_misfits()
            self._plan.run(self._cursor)
            applied = self._write(moment, extent, name_differing)
            self.discard()
        self._write_state(moment, extent, applied)
        return applied

    def _refuse_misfits(self) -> None:
        if self._staging.reject_misfits():
            counts = sql.SQL("SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {})")
            self._cursor.execute(counts.format(self._staging.into, self._work.rejected))
            ((staged, rejected),) = self._cursor.fetchall()
            refuse_share(self._table, rejected, staged + rejected)
            if isinstance(self._special, FirstLoad):
                self._special.forget_removed()

    def _write(self, moment: Moment, extent: Extent, name_differing: int) -> Applied:
        cursor, table = self._cursor, self._table
        stamp = Stamp(cursor, moment.taken_at)
        merge = Newest if table.strategy is Strategy.LATEST else OWN[extent]
        into = self._special or merge(cursor, table, self._columns, self._work)
        counts = into.write(stamp)
        self._has_new_rows = not table.adopt and counts.inserted + counts.updated > 0
        self._forget_lines(moment)
        if quarantine.differs(cursor, table, self._work, extent):
            quarantine.replace(cursor, table, self._work, extent, stamp.draw())
        elif not counts.changed:
            stamp.give_back()
            self._forget_lines(moment)  # which was given back too
        if extent is Extent.COMPLETE or self.state is None or table.adopt or merge is Newest:
            rows = into.live_rows()
        else:
            rows = self.state.rows + counts.inserted - counts.deleted
        return Applied(
            inserted=counts.inserted,
            updated=counts.updated,
            deleted=counts.deleted,
            quarantined=quarantine.count(cursor, table),
            rows=rows,
            covered=into.covered(rows),
            batch=stamp.batch,
            differing=into.differing(name_differing) if name_differing else (),
        )

    def _forget_lines(self, moment: Moment) -> None:
        if moment.objects and self._table.strategy is Strategy.LATEST:
            quarantine.forget_lines(self._cursor, self._table, moment.objects)

    def _write_state(self, moment: Moment, extent: Extent, applied: Applied) -> None:
        before = self.state
        complete = extent is Extent.COMPLETE
        self.state = TableState(
            source=moment.source,
            strategy=self._table.strategy.value,
            position=moment.position,
            batch=before.batch if before and applied.batch is None else applied.batch,
            run_id=moment.run_id,
            rows=applied.rows,
            quarantined=applied.quarantined,
            synced_at=moment.taken_at,
            columns=[column.name for column in self._columns],
            retry=before.retry if before and not complete else False,
            compared_at=moment.taken_at if complete or not before else before.compared_at,
            read=moment.read,
            inserted=applied.inserted,
            updated=applied.updated,
            deleted=applied.deleted,
            seconds=moment.seconds,
            declaration=as_json(self._table),
            key_is_unique=moment.key_is_unique,
        )
        write_state(self._cursor, self._table.schema, self._table.name, self.state)
        if moment.objects:
            write_objects(self._cursor, self._table.schema, self._table.name, moment.objects, moment.run_id)
