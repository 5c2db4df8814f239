"""The sensor of a source: its probe, and the run that it requests.

A tick asks where the source's log ends and compares that with the positions stored with the tables. Only when
it has moved is the log read: what changed is requested together with all that is downstream of it; where
other tables changed, the position moves on and nothing is requested.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

import dagster as dg

from softcart_assets.raw import asset_key
from softcart_assets.sensors import lag
from softcart_assets.sensors.cursor import Cursor
from softcart_assets.sensors.log_retention import evaluations
from softcart_assets.sensors.probe import LogProbe, long_rows
from softcart_assets.sensors.runs import SOURCE_TAG, Held, held_back, in_flight, tried_again
from softcart_assets.sensors.tick import Followed, Tick, alive, run_of
from softcart_assets.switches import sensor_status
from sync.errors import SyncError
from sync.spec import Strategy, Table
from sync.targets.base import Target

CHANGED_TAG = "softcart/changed"
# The daemon looks for due sensors every five seconds; five here would now and then let it pass by.
INTERVAL_SECONDS = 4
# A tick that finds a run in flight waits for its end, or the next one would come up to five seconds after it.
WAIT_SECONDS, POLL_SECONDS = 4.0, 0.25


def source_sensor(source: str, followed: Followed, job: str) -> dg.SensorDefinition:
    targets = {table.target for tables in followed.tables.values() for table in tables}

    @dg.sensor(
        name=f"{source}_changes",
        job_name=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=sensor_status(),
        required_resource_keys={*followed.tables, *targets},
        description=f"Requests the tables that changed in {source}, and what is downstream of them.",
    )
    def changes(context: dg.SensorEvaluationContext) -> Tick:
        def probe(cursor: Cursor) -> dg.SensorResult:
            with ExitStack() as opened:
                return _SourceTick(context, source, followed, opened).run(cursor)

        return alive(context, source, followed, followed.tables[source], probe)

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

    def run(self, cursor: Cursor) -> dg.SensorResult:
        coordinator = self._followed.coordinator
        probe = self._probe(self._source, cursor)
        coordinator.answered(self._source)
        is_regular = probe.is_retention_due()
        if is_regular:
            self._report(probe.unread())
        self._report_lag(probe, is_regular)
        if probe.is_behind and self._has_waited():
            probe = self._probe(self._source, probe.cursor)
        if not probe.is_behind:
            return self._skip(
                probe, "nothing new" if probe.keeps_log else f"{self._source} shows this user no log"
            )
        with coordinator.deciding(self._instance) as may_request:
            if not may_request:
                return self._skip(probe, "a run was requested in this moment")
            if run_id := self._in_flight():
                return self._skip(probe, f"run {run_id} is in flight")
            held = {key: held for key, held in self._failed(probe).items() if held.again > time.time()}
            long = {asset_key(table) for table in probe.long_first_loads(long_rows())}
            due = probe.due({*held, *long})
            if due:
                due |= self._due_elsewhere()
                self._followed.requested(self._instance)
                return self._request(due, probe)
        if long and not held:
            return self._skip(probe, "a large table is left to the sensor first_loads")
        if not held:
            return self._skip(
                probe, f"what is new in {self._source}'s log is of other tables than those that are followed"
            )
        return self._skip(probe, tried_again(self._instance, held))

    @property
    def _instance(self) -> dg.DagsterInstance:
        return self._followed.instance.of(self._context)

    def _report(self, unread: Mapping[Table, str]) -> None:
        for warning in unread.values():
            self._context.log.warning(warning)
        self._checked += evaluations(self._followed.tables[self._source], unread)

    def _report_lag(self, probe: LogProbe, all_tables: bool) -> None:
        """Report the tables whose lag came to exceed the bound, or does so no more, or all of them."""
        late, before = lag.late(probe.lags(), lag.bound()), probe.cursor.late
        self._checked += lag.changes(
            self._followed.tables[self._source], None if all_tables else before, late
        )
        probe.cursor = replace(probe.cursor, late=sorted(table.qualified for table in late))

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

    def _probe(self, source: str, cursor: Cursor) -> LogProbe:
        reader = self._opened.enter_context(getattr(self._context.resources, source).source())
        return LogProbe(self._followed.tables[source], reader, self._targets, cursor)

    def _failed(self, probe: LogProbe) -> dict[dg.AssetKey, Held]:
        return held_back(self._instance, sorted(self._followed.tables), probe.last_runs)

    def _due_elsewhere(self) -> dict[Table, str]:
        """What is due in the other sources, so that one run carries it all and none waits for another.

        Left to their own sensors are tables that failed, which would fail this run too, and those that are
        followed by a watermark, of which these alone remember how far they looked. Large ones that were never
        loaded are left to the sensor `first_loads`.
        """
        due: dict[Table, str] = {}
        for source, tables in self._followed.tables.items():
            if source == self._source or not self._followed.coordinator.answers(source):
                continue
            own = {asset_key(table) for table in tables if table.strategy is Strategy.WATERMARK}
            try:
                probe = self._probe(source, Cursor())
                own |= {asset_key(table) for table in probe.long_first_loads(long_rows())}
                due |= probe.due({*own, *self._failed(probe)})
            except SyncError as error:
                self._context.log.info(f"{source} is left to its own sensor: {error}")
        return due

    def _request(self, due: Mapping[Table, str], probe: LogProbe) -> dg.SensorResult:
        for table, reason in due.items():
            self._context.log.info(f"{table.qualified}: {reason}")
        keys = {asset_key(table) for table in due}
        tags = {SOURCE_TAG: self._source, CHANGED_TAG: ", ".join(sorted(table.name for table in due))}
        request = run_of(self._context, keys, tags)
        return dg.SensorResult([request], cursor=str(probe.cursor), asset_events=self._checked)

    def _skip(self, probe: LogProbe, reason: str) -> dg.SensorResult:
        return dg.SensorResult(skip_reason=reason, cursor=str(probe.cursor), asset_events=self._checked)
