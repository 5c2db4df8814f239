"""The sensors that let production follow its sources: one a source, and one for staging behind them.

A tick asks where the source's log ends and compares that with the positions stored with the tables. Only when
it has moved is the log read: what changed is requested together with all that is downstream of it; where
other tables changed, the position moves on and nothing is requested. How it is asked is `sync/probe.py`; what
stands in the way of a request `requests.py`.

Exports are left to the jobs: who reads a file reads it once a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby

import dagster as dg

from softcart_assets.board import Board
from softcart_assets.dbt.graph import Project
from softcart_assets.dbt.specs import model_key
from softcart_assets.dbt.stale import built_models, stale_models
from softcart_assets.dbt.warm import Keeper
from softcart_assets.look import Look
from softcart_assets.memory import Memory
from softcart_assets.production import MirroredTable, production_key
from softcart_assets.raw import asset_key
from softcart_assets.requests import SOURCE_TAG, held_back, in_flight
from softcart_assets.retention import CHECK, evaluations
from sync.errors import SyncError
from sync.mirror.positions import behind_staging
from sync.spec import Strategy, Table
from sync.targets.base import Target

CHANGED_TAG = "softcart/changed"
STAGING = "staging"
LOG_SOURCES = {"mysql", "mongodb"}
# The daemon looks for due sensors every five seconds; five here would now and then let it pass by.
INTERVAL_SECONDS = 4
STAGING_INTERVAL_SECONDS = 30
# A tick that finds a run in flight waits for its end, or the next one would come up to five seconds after it.
WAIT_SECONDS, POLL_SECONDS = 4.0, 0.25
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

    @property
    def keys(self) -> set[dg.AssetKey]:
        return {asset_key(table) for tables in self.tables.values() for table in tables}

    def requested(self, instance: dg.DagsterInstance) -> None:
        """Prepare for the run that is requested."""
        self.board.requested(instance)
        if self.keeper:
            self.keeper.keep()


def build_sensors(
    tables: Sequence[Table],
    project: Project,
    mirrored: Sequence[MirroredTable],
    job: str,
    whole_jobs: Collection[str],
) -> list[dg.SensorDefinition]:
    """A sensor for each source that keeps a log, and one for staging. They request runs of the job
    named `job`; `whole_jobs` are the names of all jobs that sync every table."""
    active = sorted(
        (table for table in tables if table.source in LOG_SOURCES and not table.paused),
        key=lambda table: table.source,
    )
    by_source = {source: list(group) for source, group in groupby(active, key=lambda table: table.source)}
    followed = Followed(by_source, whole_jobs, Keeper() if project.models else None)
    return [
        *(_source_sensor(source, followed, job) for source in by_source),
        _staging_sensor(project, mirrored, job, followed),
    ]


def _source_sensor(source: str, followed: Followed, job: str) -> dg.SensorDefinition:
    targets = {table.target for tables in followed.tables.values() for table in tables}

    @dg.sensor(
        name=f"{source}_changes",
        job_name=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={*followed.tables, *targets},
        description=f"Requests the tables that changed in {source}, and what is downstream of them.",
    )
    def changes(context: dg.SensorEvaluationContext) -> Tick:
        def look(memory: Memory) -> Tick:
            with ExitStack() as opened:
                return _SourceTick(context, source, followed, opened).run(memory)

        return _alive(context, look)

    return changes


def _alive(context: dg.SensorEvaluationContext, look: Callable[[Memory], Tick]) -> Tick:
    """A tick that lives through a system that is down: that is said once, and it is asked less often."""
    memory = Memory.parse(context.cursor)
    wait = memory.again - time.time()
    if wait > 0:
        return dg.SkipReason(f"a system did not answer an earlier tick; tried again in {wait:.0f} seconds")
    try:
        tick = look(replace(memory, failures=0, again=0.0))
    except SyncError as error:
        failed = str(memory.failed(time.time()))
        if memory.failures:
            return dg.SensorResult(skip_reason=STILL_DOWN, cursor=failed)
        context.log.warning(str(error))
        return dg.SensorResult(skip_reason=str(error), cursor=failed)
    if memory.failures:
        context.log.info(f"all systems answer again, after {memory.failures} ticks without an answer")
    return tick


class _SourceTick:
    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        source: str,
        followed: Followed,
        opened: ExitStack,
    ) -> None:
        self._context = context
        self._source = source
        self._followed = followed
        self._opened = opened
        self._checked: list[dg.AssetCheckEvaluation] = []
        names = {table.target for tables in followed.tables.values() for table in tables}
        self._targets: dict[str, Target] = {
            name: opened.enter_context(getattr(context.resources, name).target()) for name in sorted(names)
        }

    def run(self, memory: Memory) -> Tick:
        instance, board = self._context.instance, self._followed.board
        look = self._look(self._source, memory)
        board.answered(self._source)
        if look.is_retention_due():
            self._report(look.unread())
        if look.is_behind and self._has_waited():
            look = self._look(self._source, look.memory)
        if not look.is_behind:
            return self._skip(
                look, "nothing new" if look.keeps_log else f"{self._source} shows this user no log"
            )
        with board.deciding(instance) as may_request:
            if not may_request:
                return self._skip(look, "a run was requested in this moment")
            if run_id := self._in_flight():
                return self._skip(look, f"run {run_id} is in flight")
            held = {key for key, again in self._failed(look).items() if again > time.time()}
            due = look.due(held)
            if due:
                due |= self._due_elsewhere()
                self._followed.requested(instance)
                return self._request(due, look)
        if not held:
            return self._skip(look, "nothing that was read of the log concerns a table")
        waiting = ", ".join(sorted(key.to_user_string() for key in held))
        return self._skip(look, f"{waiting}: tried again later, since the last run failed")

    def _report(self, unread: Mapping[Table, str]) -> None:
        for warning in unread.values():
            self._context.log.warning(warning)
        self._checked = evaluations(self._followed.tables[self._source], unread)

    def _in_flight(self) -> str | None:
        return in_flight(self._context.instance, self._followed.keys, self._followed.whole_jobs)

    def _has_waited(self) -> bool:
        """Wait for the end of a run in flight, for a while; False where there was none."""
        if not self._in_flight():
            return False
        until = time.monotonic() + WAIT_SECONDS
        while self._in_flight() and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        return True

    def _look(self, source: str, memory: Memory) -> Look:
        reader = self._opened.enter_context(getattr(self._context.resources, source).source())
        return Look(self._followed.tables[source], reader, self._targets, memory)

    def _failed(self, look: Look) -> dict[dg.AssetKey, float]:
        return held_back(self._context.instance, sorted(self._followed.tables), look.last_runs)

    def _due_elsewhere(self) -> dict[Table, str]:
        """What is due in the other sources, so that one run carries it all and none waits for another.

        Left to their own sensors are tables that failed, which would fail this run too, and those that are
        followed by a watermark, of which these alone remember how far they looked.
        """
        due: dict[Table, str] = {}
        for source, tables in self._followed.tables.items():
            if source == self._source or not self._followed.board.answers(source):
                continue
            own = {asset_key(table) for table in tables if table.strategy is Strategy.WATERMARK}
            try:
                look = self._look(source, Memory())
                due |= look.due({*own, *self._failed(look)})
            except SyncError as error:
                self._context.log.info(f"{source} is left to its own sensor: {error}")
        return due

    def _request(self, due: Mapping[Table, str], look: Look) -> Tick:
        for table, reason in due.items():
            self._context.log.info(f"{table.qualified}: {reason}")
        keys = {asset_key(table) for table in due}
        tags = {SOURCE_TAG: self._source, CHANGED_TAG: ", ".join(sorted(table.name for table in due))}
        request = _run_of(self._context, keys, tags)
        return dg.SensorResult([request], cursor=str(look.memory), asset_events=self._checked)

    def _skip(self, look: Look, reason: str) -> Tick:
        return dg.SensorResult(skip_reason=reason, cursor=str(look.memory), asset_events=self._checked)


def _staging_sensor(
    project: Project,
    mirrored: Sequence[MirroredTable],
    job: str,
    followed: Followed,
) -> dg.SensorDefinition:
    """What a run left undone, by failing behind its first step or by being asked for a part, is done here."""

    @dg.sensor(
        name="staging_changes",
        job_name=job,
        minimum_interval_seconds=STAGING_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"staging", "production"},
        description="Requests star, reports and production where they are behind the synced tables.",
    )
    def changes(context: dg.SensorEvaluationContext) -> Tick:
        def look(memory: Memory) -> Tick:
            with (
                context.resources.staging.connect() as staging,
                context.resources.production.connect() as production,
            ):
                built = built_models(staging, project)
                keys = {model_key(model) for model in stale_models(staging, built)}
                there = {model_key(model) for model in built}
                names = [table.name for table in mirrored if dg.AssetKey([*table.name]) in there]
                keys |= {production_key(name) for name in behind_staging(staging, production, names)}
            return _request_behind(context, keys, memory, followed)

        return _alive(context, look)

    return changes


def _request_behind(
    context: dg.SensorEvaluationContext,
    keys: Collection[dg.AssetKey],
    memory: Memory,
    followed: Followed,
) -> Tick:
    cursor = str(memory)
    if not keys:
        return dg.SensorResult(skip_reason="production has what staging has", cursor=cursor)
    request, instance = _run_of(context, keys, {SOURCE_TAG: STAGING}), context.instance
    with followed.board.deciding(instance) as may_request:
        if not may_request:
            return dg.SensorResult(skip_reason="a run was requested in this moment", cursor=cursor)
        if run_id := in_flight(instance, request.asset_selection or (), followed.whole_jobs):
            return dg.SensorResult(skip_reason=f"run {run_id} is in flight", cursor=cursor)
        held = held_back(instance, [STAGING], dict.fromkeys(keys))
        if any(again > time.time() for again in held.values()):
            return dg.SensorResult(skip_reason="tried again later, since the last run failed", cursor=cursor)
        followed.requested(instance)
    return dg.SensorResult([request], cursor=cursor)


def _run_of(
    context: dg.SensorEvaluationContext, keys: Iterable[dg.AssetKey], tags: Mapping[str, str]
) -> dg.RunRequest:
    """A run of these assets and all that is downstream of them; the log's retention the sensors report."""
    assert context.repository_def is not None
    graph = context.repository_def.asset_graph
    selection = dg.AssetSelection.assets(*keys).downstream() - dg.AssetSelection.groups("exports")
    checks = sorted(key for key in selection.resolve_checks(graph) if key.name != CHECK)
    return dg.RunRequest(
        asset_selection=sorted(selection.resolve(graph)), asset_check_keys=checks, tags=dict(tags)
    )
