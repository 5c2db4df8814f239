"""What leans on members of Dagster, dagster-postgres and dbt that their makers do not call public.

All of it stands here, and `tests/test_seams.py` fails by name when a signature that is used here moves. Each
mechanism has a switch in the environment, so that a platform whose Dagster was upgraded can go on without it:

- `SOFTCART_KEPT_CONNECTIONS=off`: processes use Dagster's storage as Dagster does: they connect for each
  statement, ask each time whether a table or a column is there, and write what a run has planned one by one.
- `SOFTCART_WARM_DBT=off`: every run imports dbt itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition as AssetJob,
    )
    from dagster._core.instance.ref import InstanceRef

    # For others' annotations; the first is what `dg.define_asset_job` returns.
    __all__ = ["AssetJob", "BaseAssetGraph"]

KEPT_CONNECTIONS, WARM_DBT = "SOFTCART_KEPT_CONNECTIONS", "SOFTCART_WARM_DBT"
# What Dagster's web server keeps, and in which limits: milliseconds, seconds, connections.
POOL = {"statement_timeout": 60_000, "pool_recycle": 3600, "max_overflow": 20}
BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE"  # with which Dagster hands events over together
PLANNED = (
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
)
# What a build in a fork should not have to import; dbt imports the latter with the first build.
DBT_MODULES = ("dbt.cli.main", "dbt.task.build")


def is_on(switch: str) -> bool:
    """Whether a mechanism is wanted, which it is unless its variable says `off`.

    Raises:
        ValueError: the variable says something else than `on` or `off`.
    """
    said = os.environ.get(switch) or "on"
    if said not in ("on", "off"):
        raise ValueError(f"{switch} is {said!r}: set it to on or off")
    return said == "on"


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let the instance keep some connections until its process ends: Dagster would connect anew for each
    statement, a thousand times a run."""
    if is_on(KEPT_CONNECTIONS):
        instance.optimize_for_webserver(**POOL)
        _remember_schema(instance.event_log_storage)
        _plan_together(instance.event_log_storage)


def _remember_schema(storage: Any) -> None:
    """Let the storage of events ask once whether it has a table, and a column of the table of assets: Dagster
    asks with each materialization and each check, the one over a connection of its own that it closes again,
    the other by reading the table's columns from the catalog."""
    for member in ("has_table", "_has_asset_key_col_on_connection"):
        ask = getattr(storage, member, None)
        if ask and member not in vars(storage):
            setattr(storage, member, _remembering(ask))


def _remembering(ask: Callable[..., bool]) -> Callable[..., bool]:
    """Ask for a name, the last argument, until it was there once: what is there stays."""
    there = set[str]()

    def has(*arguments: Any) -> bool:
        if arguments[-1] not in there and ask(*arguments):
            there.add(arguments[-1])
        return arguments[-1] in there

    return has


def _plan_together(storage: Any) -> None:
    """Let PostgreSQL take what a run has planned in one statement: Dagster hands it over as one, which its
    storage takes apart again, into four statements for each asset and each check."""
    from dagster_postgres import PostgresEventLogStorage  # noqa: PLC0415  (a part of a second, and not always)

    if not isinstance(storage, PostgresEventLogStorage) or "store_event_batch" in vars(storage):
        return
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable  # noqa: PLC0415

    os.environ.setdefault(BATCH_SIZE, "1000")
    one_by_one = storage.store_event_batch

    def store_event_batch(events: Sequence[dg.EventLogEntry]) -> None:
        if not all(event.dagster_event_type in PLANNED for event in events):
            one_by_one(events)
            return
        statement = storage.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
        with storage.run_connection() as connection:
            stored = list(zip(events, connection.execute(statement).scalars(), strict=True))
        with storage.index_transaction() as connection:
            for event, number in stored:
                if event.dagster_event_type is dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                    storage._store_asset_event(connection, event, number)
        for event, number in stored:
            if event.dagster_event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                storage.store_asset_check_event(event, number)

    storage.store_event_batch = store_event_batch  # type: ignore[method-assign]


class RunQueue(dg.QueuedRunCoordinator):
    """Dagster's own queue, in processes that keep their connections: only those that live long have a queue.

    The daemon writes an event for each asset and each check of a run before it enqueues the run: 85 of them
    take 2.3 s with a connection each, and 0.5 s without.
    """

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        super().register_instance(instance)
        keep_connections(instance)


class KeptInstance:
    """One instance for all ticks that a process evaluates.

    The one that Dagster makes for each of them connects anew for each statement, and SQLAlchemy keeps what it
    prepared for the last 128 of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ref: InstanceRef | None = None
        self._instance: dg.DagsterInstance

    def of(self, context: dg.SensorEvaluationContext) -> dg.DagsterInstance:
        """The instance of a tick; its own where it has no description from which to make another."""
        ref = context.instance_ref
        if ref is None or not is_on(KEPT_CONNECTIONS):
            return context.instance
        with self._lock:
            if ref != self._ref:
                self._instance = dg.DagsterInstance.from_ref(ref)
                keep_connections(self._instance)
                self._ref = ref
            return self._instance


def _with_kept_connections(context: dg.InitExecutorContext) -> dg.Executor:
    keep_connections(context.instance)
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None
    return create(context)


in_process = dg.ExecutorDefinition(
    name="in_process",
    config_schema=dg.in_process_executor.config_schema,  # type: ignore[arg-type]  # taken as it is
    executor_creation_fn=_with_kept_connections,
    description="Dagster's own, with connections to Dagster's storage that are kept for the run.",
)


def fail_run(instance: dg.DagsterInstance, run: dg.DagsterRun, message: str) -> None:
    """Mark a run as failed that cannot do so itself."""
    instance.report_run_failed(run, message)


def events_of(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> list[dg.EventLogEntry]:
    """What a run wrote of one kind, in the order of its writing."""
    return list(instance.all_logs(run_id, of_type=kind))


def process_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The pid of the process that began to execute a run."""
    starts = events_of(instance, run_id, dg.DagsterEventType.RUN_START)
    return next((entry.dagster_event.pid for entry in starts if entry.dagster_event), None)


def step_failures(instance: dg.DagsterInstance, run_id: str) -> list[dg.DagsterEvent]:
    """How the steps of a run failed."""
    failed = events_of(instance, run_id, dg.DagsterEventType.STEP_FAILURE)
    return [entry.dagster_event for entry in failed if entry.dagster_event]


class Verdict(NamedTuple):
    """The last evaluation of a check: `run_id` is empty where a sensor reported it, `at` is in seconds since
    1970."""

    check: dg.AssetCheckEvaluation
    run_id: str
    at: float

    @property
    def is_red(self) -> bool:
        return not self.check.passed and self.check.severity is dg.AssetCheckSeverity.ERROR


class Tick(NamedTuple):
    """The last tick of a sensor or a schedule that is on; `error` is empty where it went well."""

    name: str
    error: str
    at: float


def verdicts(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> dict[dg.AssetCheckKey, Verdict]:
    """The last evaluations; checks that were never evaluated, or are at this moment, are left out."""
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {
        key: Verdict(record.evaluation, record.run_id, record.event.timestamp)
        for key, record in records.items()
        if record.event and isinstance(record.evaluation, dg.AssetCheckEvaluation)
    }


def ticks(instance: dg.DagsterInstance) -> list[Tick]:
    """The last one of everything that was ever evaluated and is on."""
    states = {state.selector_id: state for state in instance.all_instigator_state() if state.is_running}
    if not states:
        return []
    found = instance.get_batch_ticks(list(states), limit=1)
    return [
        Tick(states[selector].name, _message(tick.error) if tick.error else "", tick.timestamp)
        for selector, (tick,) in found.items()
    ]


def _message(error: object) -> str:
    return " ".join(str(getattr(error, "message", error)).split())


def materialized_at(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]
) -> Mapping[dg.AssetKey, float | None]:
    """When each asset was last materialized, in seconds since 1970; None where it never was."""
    events = instance.get_latest_materialization_events(keys)
    return {key: event.timestamp if (event := events.get(key)) else None for key in keys}


def find_runs(
    instance: dg.DagsterInstance, chosen: dg.RunsFilter | None = None, limit: int | None = None
) -> Sequence[dg.DagsterRun]:
    """The chosen runs, newest first."""
    return instance.get_runs(chosen, limit=limit)


def count_runs(instance: dg.DagsterInstance, chosen: dg.RunsFilter) -> int:
    return instance.get_runs_count(chosen)


def asset_graph(repository: dg.RepositoryDefinition | None) -> BaseAssetGraph[Any]:
    """All assets and checks of what a tick or a run was given as its repository."""
    assert repository is not None
    return repository.asset_graph


def storage_url(instance: dg.DagsterInstance) -> str | None:
    """Where the instance has its events: a URL of PostgreSQL's, None for another system."""
    return getattr(instance.event_log_storage, "postgres_url", None)


def whole_job(instance: dg.DagsterInstance, snapshot_id: str) -> str | None:
    """The snapshot of the whole job of which the one with this id is a part."""
    lineage = instance.get_job_snapshot(snapshot_id).lineage_snapshot
    return lineage.parent_snapshot_id if lineage else None


def local_folder(instance: dg.DagsterInstance) -> str:
    """Where the instance keeps what assets store as files."""
    return instance.storage_directory()


def create_storage(url: str) -> None:
    """Make the tables of Dagster's storage in the database at `url`, a URL of SQLAlchemy's.

    Raises:
        DBAPIError: the database cannot be reached, or its user may not make tables.
    """
    from dagster_postgres import DagsterPostgresStorage  # noqa: PLC0415  (it takes a second, once)

    DagsterPostgresStorage(url)


def compile_macros(manifest: Any) -> None:
    """Spare forks what dbt does when it first calls a macro: a third of a second in each."""
    from dbt_common.clients.jinja import template_cache  # noqa: PLC0415

    for macro in manifest.macros.values():
        template_cache.get_node_template(macro)
