"""Make production's tables equal to staging's: one snapshot there, one transaction of rows here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from sync.errors import SyncError
from sync.warehouses import views as view_plans
from sync.warehouses.changes import LoadMode, TableChange, completions, table_changes
from sync.warehouses.contract import Inspection, Session, Snapshot, Staging, Warehouse
from sync.warehouses.positions import MirrorState, StagingPosition
from sync.warehouses.schema import Schemas, TableName
from sync.warehouses.table_work import TableResult, TableWork
from sync.warehouses.views import MadeView, View, ViewResult, ViewState


@dataclass(frozen=True)
class Publication:
    """What production offers its readers: the views over its tables, and the role that may read the plain
    ones; a role that the warehouse does not have gets nothing.

    `elsewhere` are the views that other passes look after: this one leaves them as they are.
    """

    views: Sequence[View] = ()
    role: str | None = None
    elsewhere: Collection[TableName] = ()


@dataclass(frozen=True)
class MirrorResult:
    """What a pass did, the tables in the order in which they were asked for; `notes` are for a person."""

    tables: tuple[TableResult, ...]
    views: tuple[ViewResult, ...]
    notes: tuple[str, ...]


@dataclass
class _Plan:
    """What a pass has to do, from what both sides have."""

    inspection: Inspection
    publication: Publication
    schemas: Schemas
    positions: Mapping[TableName, StagingPosition]
    changes: list[TableChange]
    no_readers: str
    work: list[TableWork] = field(default_factory=list)
    known_views: Mapping[TableName, ViewState] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether production has all that it should have."""
        states = {name: state.position for name, state in self.inspection.states.items()}
        views, known = self.publication.views, self.inspection.views
        return (
            not any(table.moves for table in self.work)
            and not any(self.changes)
            and not completions(self.schemas, self.inspection.actual)
            and view_plans.same_definitions(views, known)
            and all(view_plans.is_current(view, known[view.name], states) for view in views)
        )

    @property
    def notes(self) -> tuple[str, ...]:
        role = self.publication.role
        if role is None or self.inspection.has_role:
            return ()
        return (self.no_readers.format(role=role),)


def mirror(
    staging: Staging,
    warehouse: Warehouse,
    tables: Sequence[TableName],
    run_id: str,
    publication: Publication | None = None,
    compare: bool = False,
) -> MirrorResult:
    """Make `tables` in the warehouse equal to staging's, and record `run_id` and the positions with them.

    Reads the rows of batches above the last position. Every live row is read and compared where that position
    says nothing (none, another staging database, a table that was built anew or changed its columns), and for
    all tables with `compare`, which repairs what somebody changed in production. With nothing new it writes
    nothing.

    Raises `SyncError` where something has to change first, `TransientError` where the same pass may succeed
    later, such as after another one; in both cases readers see what they saw before.
    """
    publication = publication or Publication()
    if not compare:
        with staging.snapshot() as snapshot:
            snapshot.refuse_unaudited(tables)
            schemas, positions = snapshot.schemas(tables), snapshot.positions(tables)
        inspection = warehouse.inspect(schemas, publication.role)
        plan = _plan(inspection, schemas, positions, warehouse, publication, compare)
        if plan.is_done:
            kept = tuple(
                ViewResult(name, created=False, refreshed=False, rows=known.rows)
                for name, known in plan.inspection.views.items()
            )
            return MirrorResult(_results(tables, plan), kept, plan.notes)
    # What was seen without the lease may be old by now.
    with warehouse.session(run_id) as session, staging.snapshot() as snapshot:
        return _Pass(warehouse, session, snapshot, publication, compare).run(tables)


class _Pass:
    """One pass under the lease."""

    def __init__(
        self,
        warehouse: Warehouse,
        session: Session,
        snapshot: Snapshot,
        publication: Publication,
        compare: bool,
    ) -> None:
        self._warehouse = warehouse
        self._session = session
        self._snapshot = snapshot
        self._publication = publication
        self._compare = compare

    def run(self, tables: Sequence[TableName]) -> MirrorResult:
        session, together = self._session, self._warehouse.capabilities.transactional_ddl
        with ExitStack() as rows:
            if together:
                rows.enter_context(session.transaction())
            plan = self._prepare(tables)
            if not together:
                rows.enter_context(session.transaction())
            moved = [table for table in plan.work if table.moves]
            self._write(moved)
            if together:
                self._complete(plan)
            for table in moved:
                session.store(table.schema.name, MirrorState(table.position, table.rows))
            written = {table.schema.name for table in moved if table.result().changed}
            if together:
                views = self._publish(plan, written)
            else:
                self._mark_stale(plan, written)
        if not together:
            self._complete(plan)
            views = self._publish(plan, written)
        return MirrorResult(_results(tables, plan), tuple(views), plan.notes)

    def _prepare(self, tables: Sequence[TableName]) -> _Plan:
        """Plan, and bring the rows beside their tables."""
        self._snapshot.refuse_unaudited(tables)
        schemas, positions = self._snapshot.schemas(tables), self._snapshot.positions(tables)
        inspection = self._session.inspect(schemas, self._publication.role)
        plan = _plan(inspection, schemas, positions, self._warehouse, self._publication, self._compare)
        disrupted = any(change.disrupts_views for change in plan.changes)
        if disrupted or not view_plans.same_definitions(self._publication.views, plan.known_views):
            self._session.drop_views(plan.inspection.views)
            plan.known_views = {}
        self._session.migrate(plan.changes)
        for table in plan.work:
            if table.moves:
                with table.timed():
                    staged = self._session.stage(self._snapshot, table.selection, table.mode)
                    table.received, table.rejected = staged.received, staged.rejected
                    if table.mode is LoadMode.LOAD:
                        table.inserted = staged.received - staged.rejected
        return plan

    def _write(self, moved: Sequence[TableWork]) -> None:
        """Write the rows so that no foreign key is ever broken: parents come first and go last."""
        merged = [table for table in moved if table.mode is not LoadMode.LOAD]
        for table in merged:
            with table.timed():
                table.inserted, table.updated = self._session.upsert(table.schema)
        for table in reversed(merged):
            with table.timed():
                table.deleted = self._session.delete(table.schema)
        for table in moved:
            with table.timed():
                self._audit(table)

    def _audit(self, table: TableWork) -> None:
        """Hold what was written against what came, before anybody can see it."""
        found = self._session.audit(table.schema, table.mode)
        name = table.schema.name
        if found.wrong:
            raise SyncError(
                f"production, {name}: {found.wrong} of the rows that were written are not as staging has"
                f" them; nothing was committed. Look for a trigger or a rule on the table"
            )
        if found.rows is not None and not table.rejected and found.rows != table.received:
            raise SyncError(
                f"production, {name}: it would have {found.rows} rows, and {table.received} came; nothing was"
                f" committed. Look for a trigger or a rule on the table"
            )
        table.counted = found.rows

    def _complete(self, plan: _Plan) -> None:
        """Add what is missing around the rows, cheaper now that they are there."""
        actual = self._session.inspect(plan.schemas, self._publication.role).actual
        self._session.complete(completions(plan.schemas, actual))

    def _mark_stale(self, plan: _Plan, written: Collection[TableName]) -> None:
        known = plan.known_views
        stale = [view for view in self._publication.views if view_plans.is_stale(view, written)]
        self._session.store_views(
            [MadeView(view, view_plans.STALE, known[view.name].rows) for view in stale if view.name in known]
        )

    def _publish(self, plan: _Plan, written: Collection[TableName]) -> list[ViewResult]:
        """Make the views that are missing, refresh those whose inputs moved, and grant the plain ones."""
        views, known, made = self._publication.views, plan.known_views, list[MadeView]()
        self._session.expect_views([view for view in views if view.name not in known])
        results = [self._publish_view(view, plan, written, made) for view in views]
        self._session.store_views(made)
        return results

    def _publish_view(
        self, view: View, plan: _Plan, written: Collection[TableName], made: list[MadeView]
    ) -> ViewResult:
        session, present = self._session, plan.known_views.get(view.name)
        if (
            present is not None
            and view_plans.is_current(view, present, plan.positions)
            and not view_plans.is_stale(view, written)
        ):
            return ViewResult(view.name, created=False, refreshed=False, rows=present.rows)
        if present is None:
            session.create_view(view)
        elif view.key:
            session.refresh_view(view)
        if self._publication.role and plan.inspection.has_role and not view.key:
            session.grant_view(view, self._publication.role)
        rows = session.count(view.name) if view.key else 0
        made.append(MadeView(view, view_plans.input_positions(view, plan.positions), rows))
        refreshed = present is not None and bool(view.key)
        return ViewResult(view.name, created=present is None, refreshed=refreshed, rows=rows)


def _plan(
    inspection: Inspection,
    schemas: Schemas,
    positions: Mapping[TableName, StagingPosition],
    warehouse: Warehouse,
    publication: Publication,
    compare: bool,
) -> _Plan:
    if any(position.staging == inspection.identity for position in positions.values()):
        # Mirrored into itself, staging would lose its tombstones.
        raise SyncError("staging and production are one database: give production a URL of its own")
    own = {name: view for name, view in inspection.views.items() if name not in publication.elsewhere}
    inspection = replace(inspection, views=own)
    capabilities, known = warehouse.capabilities, inspection.views
    changes = table_changes(schemas, inspection.actual, capabilities.retypes_in_place)
    plan = _Plan(
        inspection, publication, schemas, positions, changes, capabilities.no_readers, known_views=known
    )
    for change in changes:
        name = change.schema.name
        state = inspection.states.get(name)
        mode = _mode(change, state, positions[name], compare)
        rejected = inspection.rejected.get(name, ())
        plan.work.append(TableWork(change.schema, positions[name], state, mode, rejected))
    for table in plan.work:
        # What waits in quarantine may have waited for a row of another table.
        if table.again and not table.moves and any(other.moves for other in plan.work):
            table.mode = LoadMode.CHANGES
    return plan


def _mode(
    change: TableChange, state: MirrorState | None, position: StagingPosition, compare: bool
) -> LoadMode:
    if change.mode is LoadMode.LOAD:
        return LoadMode.LOAD
    follows = state is not None and state.position.leads_to(position)
    if compare or not follows or change.mode is LoadMode.COMPARISON:
        return LoadMode.COMPARISON
    return LoadMode.NOTHING if state and state.position == position else LoadMode.CHANGES


def _results(tables: Sequence[TableName], plan: _Plan) -> tuple[TableResult, ...]:
    results = {table.schema.name: table.result() for table in plan.work}
    return tuple(results[name] for name in tables)


def behind_staging(staging: Staging, warehouse: Warehouse, tables: Sequence[TableName]) -> list[TableName]:
    """Those of staging's tables that have moved since production took them in, or that it never had."""
    if not tables:
        return []
    with staging.snapshot() as snapshot:
        positions = snapshot.positions(tables)
    with warehouse.reader() as reader:
        present = reader.states()
    return [name for name in tables if name not in present or present[name].position != positions[name]]
