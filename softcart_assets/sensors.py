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
from dataclasses import replace
from itertools import groupby

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from softcart_assets.dbt.graph import Project
from softcart_assets.dbt.specs import model_key
from softcart_assets.dbt.stale import built_models, stale_models
from softcart_assets.memory import Memory
from softcart_assets.production import MirroredTable, production_key
from softcart_assets.raw import asset_key
from softcart_assets.requests import SOURCE_TAG, held_back, in_flight
from sync import probe
from sync.errors import SyncError
from sync.mirror.positions import behind_staging
from sync.sources.base import LogEnd, LogSource
from sync.spec import Strategy, Table
from sync.targets.base import Target

CHANGED_TAG = "softcart/changed"
STAGING = "staging"
LOG_SOURCES = {"mysql", "mongodb"}
# The daemon looks for due sensors every five seconds; five here would now and then let it pass by.
INTERVAL_SECONDS = 4
STAGING_INTERVAL_SECONDS = 30
RETENTION_SECONDS = 600.0  # between two looks at the log's retention

Tick = dg.SensorResult | dg.SkipReason


def build_sensors(
    tables: Sequence[Table],
    project: Project,
    mirrored: Sequence[MirroredTable],
    job: UnresolvedAssetJobDefinition,
    whole_jobs: Collection[str],
) -> list[dg.SensorDefinition]:
    """A sensor for each source that keeps a log, and one for staging. They request runs of `job`;
    `whole_jobs` are the names of all jobs that sync every table."""
    active = sorted(
        (table for table in tables if table.source in LOG_SOURCES and not table.paused),
        key=lambda table: table.source,
    )
    return [
        *(
            _source_sensor(source, list(group), job, whole_jobs)
            for source, group in groupby(active, key=lambda table: table.source)
        ),
        _staging_sensor(project, mirrored, job, whole_jobs),
    ]


def _source_sensor(
    source: str, tables: Sequence[Table], job: UnresolvedAssetJobDefinition, whole_jobs: Collection[str]
) -> dg.SensorDefinition:
    names = sorted({table.target for table in tables})

    @dg.sensor(
        name=f"{source}_changes",
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={source, *names},
        description=f"Requests the tables that changed in {source}, and what is downstream of them.",
    )
    def changes(context: dg.SensorEvaluationContext) -> Tick:
        def look(memory: Memory) -> Tick:
            with ExitStack() as opened:
                reader: LogSource = opened.enter_context(getattr(context.resources, source).source())
                targets: dict[str, Target] = {
                    name: opened.enter_context(getattr(context.resources, name).target()) for name in names
                }
                return _SourceTick(context, source, tables, whole_jobs, reader, targets, memory).run()

        return _alive(context, look)

    return changes


def _alive(context: dg.SensorEvaluationContext, look: Callable[[Memory], Tick]) -> Tick:
    """A tick that lives through a system that is down: that is said once, and it is asked less often."""
    memory = Memory.parse(context.cursor)
    if memory.again > time.time():
        return dg.SkipReason()
    try:
        tick = look(replace(memory, failures=0, again=0.0))
    except SyncError as error:
        failed = str(memory.failed(time.time()))
        if memory.failures:
            return dg.SensorResult(cursor=failed)
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
        tables: Sequence[Table],
        whole_jobs: Collection[str],
        reader: LogSource,
        targets: Mapping[str, Target],
        memory: Memory,
    ) -> None:
        self._context = context
        self._source = source
        self._tables = tables
        self._whole_jobs = whole_jobs
        self._reader = reader
        self._targets = targets
        self._memory = memory

    def run(self) -> Tick:
        end = self._reader.log_end()
        states = {name: target.states() for name, target in self._targets.items()}
        found = probe.standings(self._tables, self._reader, end, states, self._memory.hints)
        self._warn(found, end)
        behind = probe.behind(found, self._reader, end)
        if not behind:
            return self._skip("nothing new" if end else f"{self._source} shows this user no log")
        instance, keys = self._context.instance, {asset_key(table) for table in self._tables}
        if run_id := in_flight(instance, keys, self._whole_jobs):
            return self._skip(f"run {run_id} is in flight")
        last_runs = {
            asset_key(standing.table): standing.state.run_id if standing.state else None for standing in found
        }
        now = time.time()
        held = {key for key, again in held_back(instance, self._source, last_runs).items() if again > now}
        findings = probe.find(
            [standing for standing in behind if asset_key(standing.table) not in held], self._reader, end
        )
        if end:
            self._advance(behind, findings, end)
        if findings.due:
            return self._request(findings.due)
        waiting = ", ".join(sorted(key.to_user_string() for key in held))
        return self._skip(f"{waiting}: tried again later, since the last run failed" if held else "")

    def _warn(self, found: Iterable[probe.Standing], end: LogEnd | None) -> None:
        now = time.time()
        if end is None or now - self._memory.warned_at < RETENTION_SECONDS:
            return
        self._memory = replace(self._memory, warned_at=now)
        for warning in probe.purge_warnings(found, end, self._reader.keeps_log()):
            self._context.log.warning(warning)

    def _advance(self, behind: Iterable[probe.Standing], findings: probe.Findings, end: LogEnd) -> None:
        hints = dict(self._memory.hints)
        for standing in behind:
            table, state = standing.table, standing.state
            hint = None
            if position := findings.quiet.get(table):
                hint = probe.Hint(position)
                if position != standing.start:
                    probe.advance(standing, self._targets[table.target], position, end.at)
            elif table in findings.due:
                hint = probe.Hint(end.position, state.synced_at.isoformat() if state else None)
            if hint and table.strategy is Strategy.WATERMARK:
                hints[probe.hint_name(table)] = hint
        self._memory = replace(self._memory, hints=hints)

    def _request(self, due: Mapping[Table, str]) -> Tick:
        for table, reason in due.items():
            self._context.log.info(f"{table.qualified}: {reason}")
        keys = {asset_key(table) for table in due}
        tags = {SOURCE_TAG: self._source, CHANGED_TAG: ", ".join(sorted(table.name for table in due))}
        request = dg.RunRequest(asset_selection=_with_downstream(self._context, keys), tags=tags)
        return dg.SensorResult([request], cursor=str(self._memory))

    def _skip(self, reason: str) -> Tick:
        return dg.SensorResult(skip_reason=reason or None, cursor=str(self._memory))


def _staging_sensor(
    project: Project,
    mirrored: Sequence[MirroredTable],
    job: UnresolvedAssetJobDefinition,
    whole_jobs: Collection[str],
) -> dg.SensorDefinition:
    """What a run left undone, by failing behind its first step or by being asked for a part, is done here."""

    @dg.sensor(
        name="staging_changes",
        job=job,
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
            return _request_behind(context, keys, memory, whole_jobs)

        return _alive(context, look)

    return changes


def _request_behind(
    context: dg.SensorEvaluationContext,
    keys: Collection[dg.AssetKey],
    memory: Memory,
    whole_jobs: Collection[str],
) -> Tick:
    cursor = str(memory)
    if not keys:
        return dg.SensorResult(skip_reason="production has what staging has", cursor=cursor)
    selected = _with_downstream(context, keys)
    if run_id := in_flight(context.instance, selected, whole_jobs):
        return dg.SensorResult(skip_reason=f"run {run_id} is in flight", cursor=cursor)
    held = held_back(context.instance, STAGING, dict.fromkeys(keys))
    if any(again > time.time() for again in held.values()):
        return dg.SensorResult(skip_reason="tried again later, since the last run failed", cursor=cursor)
    request = dg.RunRequest(asset_selection=selected, tags={SOURCE_TAG: STAGING})
    return dg.SensorResult([request], cursor=cursor)


def _with_downstream(context: dg.SensorEvaluationContext, keys: Iterable[dg.AssetKey]) -> list[dg.AssetKey]:
    assert context.repository_def is not None
    selection = dg.AssetSelection.assets(*keys).downstream() - dg.AssetSelection.groups("exports")
    return sorted(selection.resolve(context.repository_def.asset_graph))
