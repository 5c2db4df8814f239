"""The sensors that let production follow its sources: one a source, one for staging behind
them, and one for new files.

A tick asks where the source's log ends and compares that with the positions stored with the tables. Only when
it has moved is the log read: what changed is requested together with all that is downstream of it; where
other tables changed, the position moves on and nothing is requested. How it is asked is `sync/probe.py`; what
stands in the way of a request `requests.py`.

Exports are left to the jobs: who reads a file reads it once a day.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby

import dagster as dg

from softcart_assets import health
from softcart_assets.dbt.graph import Project
from softcart_assets.dbt.warm import Keeper
from softcart_assets.files_sensor import files_sensor
from softcart_assets.look import Look
from softcart_assets.memory import Memory
from softcart_assets.production import MirroredTable
from softcart_assets.raw import asset_key
from softcart_assets.requests import SOURCE_TAG, Held, held_back, in_flight, tried_again
from softcart_assets.retention import evaluations
from softcart_assets.staging_sensor import staging_sensor
from softcart_assets.ticks import Followed, Tick, alive, run_of
from sync.errors import SyncError
from sync.spec import Strategy, Table
from sync.targets.base import Target

CHANGED_TAG = "softcart/changed"
# The daemon looks for due sensors every five seconds; five here would now and then let it pass by.
INTERVAL_SECONDS = 4
# A tick that finds a run in flight waits for its end, or the next one would come up to five seconds after it.
WAIT_SECONDS, POLL_SECONDS = 4.0, 0.25


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
        health.followed(tables),
        key=lambda table: table.source,
    )
    by_source = {source: list(group) for source, group in groupby(active, key=lambda table: table.source)}
    followed = Followed(by_source, whole_jobs, Keeper() if project.models else None)
    return [
        *(_source_sensor(source, followed, job) for source in by_source),
        staging_sensor(project, mirrored, job, followed),
        *files_sensor(tables, job, followed),
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
        def look(memory: Memory) -> dg.SensorResult:
            with ExitStack() as opened:
                return _SourceTick(context, source, followed, opened).run(memory)

        return alive(context, followed, followed.tables[source], look)

    return changes


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

    def run(self, memory: Memory) -> dg.SensorResult:
        board = self._followed.board
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
        with board.deciding(self._instance) as may_request:
            if not may_request:
                return self._skip(look, "a run was requested in this moment")
            if run_id := self._in_flight():
                return self._skip(look, f"run {run_id} is in flight")
            held = {key: held for key, held in self._failed(look).items() if held.again > time.time()}
            due = look.due(held)
            if due:
                due |= self._due_elsewhere()
                self._followed.requested(self._instance)
                return self._request(due, look)
        if not held:
            return self._skip(
                look, f"what is new in {self._source}'s log is of other tables than those that are followed"
            )
        return self._skip(look, tried_again(self._instance, held))

    @property
    def _instance(self) -> dg.DagsterInstance:
        return self._followed.instance.of(self._context)

    def _report(self, unread: Mapping[Table, str]) -> None:
        for warning in unread.values():
            self._context.log.warning(warning)
        self._checked = evaluations(self._followed.tables[self._source], unread)

    def _in_flight(self) -> str | None:
        return in_flight(self._instance, self._followed.keys, self._followed.whole_jobs)

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

    def _failed(self, look: Look) -> dict[dg.AssetKey, Held]:
        return held_back(self._instance, sorted(self._followed.tables), look.last_runs)

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

    def _request(self, due: Mapping[Table, str], look: Look) -> dg.SensorResult:
        for table, reason in due.items():
            self._context.log.info(f"{table.qualified}: {reason}")
        keys = {asset_key(table) for table in due}
        tags = {SOURCE_TAG: self._source, CHANGED_TAG: ", ".join(sorted(table.name for table in due))}
        request = run_of(self._context, keys, tags)
        return dg.SensorResult([request], cursor=str(look.memory), asset_events=self._checked)

    def _skip(self, look: Look, reason: str) -> dg.SensorResult:
        return dg.SensorResult(skip_reason=reason, cursor=str(look.memory), asset_events=self._checked)
