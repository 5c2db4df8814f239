"""What the ticks of all sensors have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import dagster as dg
from sqlalchemy.exc import DBAPIError

from softcart_assets.automation import BESIDE_GROUPS
from softcart_assets.board import Board
from softcart_assets.connections import KeptInstance
from softcart_assets.dbt.warm import Keeper
from softcart_assets.memory import Memory
from softcart_assets.raw import asset_key
from softcart_assets.retention import CHECK
from sync.errors import SyncError
from sync.spec import Table

STILL_DOWN = "the system that an earlier tick names does not answer yet"

Tick = dg.SensorResult | dg.SkipReason


@dataclass(frozen=True)
class Followed:
    """What the sensors follow together: the tables of each source, and `whole_jobs`, the names of all jobs
    that sync every table. `keeper` is there where their runs build models."""

    tables: Mapping[str, Sequence[Table]]
    whole_jobs: Collection[str]
    keeper: Keeper | None
    board: Board = field(default_factory=Board)
    instance: KeptInstance = field(default_factory=KeptInstance)

    @property
    def keys(self) -> set[dg.AssetKey]:
        return {asset_key(table) for tables in self.tables.values() for table in tables}

    def requested(self, instance: dg.DagsterInstance) -> None:
        """Prepare for the run that is requested."""
        self.board.requested(instance)
        if self.keeper:
            self.keeper.keep()


def alive(context: dg.SensorEvaluationContext, look: Callable[[Memory], Tick]) -> Tick:
    """A tick that lives through a system that is down: that is said once, and it is asked less often."""
    memory = Memory.parse(context.cursor)
    wait = memory.again - time.time()
    if wait > 0:
        return dg.SkipReason(f"a system did not answer an earlier tick; tried again in {wait:.0f} seconds")
    fresh = replace(memory, failures=0, again=0.0)
    try:
        try:
            tick = look(fresh)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            tick = look(fresh)  # Dagster's storage was away since it was asked last
    except SyncError as error:
        failed = str(memory.failed(time.time()))
        if memory.failures:
            return dg.SensorResult(skip_reason=STILL_DOWN, cursor=failed)
        context.log.warning(str(error))
        return dg.SensorResult(skip_reason=str(error), cursor=failed)
    if memory.failures:
        context.log.info(f"all systems answer again, after {memory.failures} ticks without an answer")
    return tick


def run_of(
    context: dg.SensorEvaluationContext, keys: Iterable[dg.AssetKey], tags: Mapping[str, str]
) -> dg.RunRequest:
    """A run of these assets and all that is downstream of them on the way to production; the log's retention
    the sensors report."""
    assert context.repository_def is not None
    graph = context.repository_def.asset_graph
    aside = dg.AssetSelection.groups("exports", *BESIDE_GROUPS)
    selection = dg.AssetSelection.assets(*keys).downstream() - aside
    checks = sorted(key for key in selection.resolve_checks(graph) if key.name != CHECK)
    return dg.RunRequest(
        asset_selection=sorted(selection.resolve(graph)), asset_check_keys=checks, tags=dict(tags)
    )
