"""What the ticks of all sensors have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import dagster as dg
from sqlalchemy.exc import DBAPIError

from softcart_assets.automation import BESIDE_GROUPS
from softcart_assets.code import LoadedCode
from softcart_assets.dbt.warm import Keeper
from softcart_assets.progress import LINES
from softcart_assets.raw import asset_key
from softcart_assets.seams import KeptInstance, asset_graph
from softcart_assets.sensors import health, lag, log_retention
from softcart_assets.sensors.coordinator import Coordinator
from softcart_assets.sensors.cursor import Cursor
from softcart_assets.sensors.heartbeat import heartbeat, is_due
from sync.errors import SyncError
from sync.spec import Table

RELOAD = (
    "definitions changed: reload. What this sensor was loaded from is not what is on disk of {}: reload the"
    " code location in the UI under Deployment, or restart the daemon and its code server"
)
# What the sensors report themselves, since it is about the time in which no run comes to a table.
REPORTED_CHECKS = {log_retention.CHECK, health.CHECK, lag.CHECK}

Tick = dg.SensorResult | dg.SkipReason


@dataclass(frozen=True)
class Followed:
    """What the sensors follow together: the tables of each source, and `whole_jobs`, the names of all jobs
    that sync every table. `keeper` is there where their runs build models."""

    tables: Mapping[str, Sequence[Table]]
    whole_jobs: Collection[str]
    keeper: Keeper | None
    coordinator: Coordinator = field(default_factory=Coordinator)
    code: LoadedCode = field(default_factory=lambda: LoadedCode())
    instance: KeptInstance = field(default_factory=KeptInstance)

    @property
    def keys(self) -> set[dg.AssetKey]:
        return {asset_key(table) for tables in self.tables.values() for table in tables}

    def requested(self, instance: dg.DagsterInstance) -> None:
        """Prepare for the run that is requested."""
        self.coordinator.requested(instance)
        if self.keeper:
            self.keeper.keep()


def alive(
    context: dg.SensorEvaluationContext,
    name: str,
    followed: Followed,
    tables: Sequence[Table],
    probe: Callable[[Cursor], dg.SensorResult],
) -> Tick:
    """A tick that lives through a system that is down, which is asked less often then, and looks at nothing
    with definitions that are not those of the runs any more. Each tick names what is in its way; where that
    has changed, it is reported as a check of `tables` too. One that could look says so each minute by the
    heartbeat `name`."""
    cursor = Cursor.parse(context.cursor)
    if changed := followed.code.changed():
        reason = RELOAD.format(changed)
        return _skip(reason, replace(cursor, failures=0, again=0.0, obstacle=reason), cursor, tables)
    wait = cursor.again - time.time()
    if wait > 0:
        return dg.SkipReason(f"{cursor.obstacle}; asked again in {wait:.0f} seconds")
    fresh = replace(cursor, failures=0, again=0.0, obstacle="")
    beats = []
    if is_due(cursor.beat_at):
        fresh, beats = replace(fresh, beat_at=time.time()), [heartbeat(name)]
    try:
        try:
            tick = probe(fresh)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            tick = probe(fresh)  # Dagster's storage was away since it was asked last
    except SyncError as error:
        reason = " ".join(str(error).split())
        if cursor.obstacle != reason:
            context.log.warning(reason)
        return _skip(reason, cursor.failed(time.time(), reason), cursor, tables)
    if cursor.failures:
        context.log.info(f"all systems answer again, after {cursor.failures} ticks without an answer")
    return tick._replace(
        asset_events=[*tick.asset_events, *health.changes(tables, cursor.obstacle, ""), *beats]
    )


def _skip(reason: str, cursor: Cursor, before: Cursor, tables: Sequence[Table]) -> dg.SensorResult:
    reported = health.changes(tables, before.obstacle, reason)
    return dg.SensorResult(skip_reason=reason, cursor=str(cursor), asset_events=reported)


def run_of(
    context: dg.SensorEvaluationContext, keys: Iterable[dg.AssetKey], tags: Mapping[str, str]
) -> dg.RunRequest:
    """A run of these assets and all that is downstream of them on the way to production, without the checks
    that sensors report."""
    graph = asset_graph(context.repository_def)
    aside = dg.AssetSelection.groups("exports", *BESIDE_GROUPS)
    selection = dg.AssetSelection.assets(*keys).downstream() - aside
    checks = sorted(key for key in selection.resolve_checks(graph) if key.name not in REPORTED_CHECKS)
    return dg.RunRequest(
        asset_selection=sorted(selection.resolve(graph)),
        asset_check_keys=checks,
        tags=dict(tags),
        run_config=LINES,
    )
