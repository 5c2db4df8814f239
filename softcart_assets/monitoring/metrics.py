"""Metrics of the whole platform in Prometheus' format.

`python -m softcart_assets.monitoring.metrics --port N`

`make ui` serves them on loopback at /metrics. Each scrape asks the systems anew; one that is down is named by
`softcart_system_up`, and its figures are left out.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import click
import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from softcart_assets.adoption import by_way_of_staging
from softcart_assets.build import build_defs, resources
from softcart_assets.seams import count_runs, keep_connections, ticks, verdicts
from softcart_assets.sensors import health
from softcart_assets.sensors.cursor import Cursor
from softcart_assets.sensors.heartbeat import beats, watched
from softcart_assets.sensors.probe import LogProbe
from softcart_assets.tables import TABLES
from sync.errors import SyncError
from sync.metrics import table_metrics
from sync.spec import Table
from sync.systems import is_target

DAY_SECONDS = 86_400
# What a system raises that is down, and Dagster where its URL is not set.
DOWN = (SyncError, dg.DagsterInvalidConfigError)


class Platform(Collector):
    """What a scrape finds: tables and their lag, checks, runs, ticks, heartbeats."""

    def __init__(
        self, instance: DagsterInstance, tables: Sequence[Table], checks: Sequence[dg.AssetCheckKey]
    ):
        self._instance, self._tables, self._checks = instance, tables, checks
        self._scraping = threading.Lock()  # connections are not shared between two scrapes

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing is asked before the first scrape."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("softcart_system_up", "Whether the system answers", labels=["system"])
        with self._scraping:
            yield from self._of_tables(up)
            yield from self._of_runs()
            yield from self._of_checks()
            yield from self._of_sensors()
        yield up

    def _of_tables(self, up: GaugeMetricFamily) -> Iterator[GaugeMetricFamily]:
        targets: dict[str, Any] = {}
        with ExitStack() as stack:
            for name in sorted({table.target for table in self._tables}):
                try:
                    target = stack.enter_context(_resource(stack, name).target())
                    yield from table_metrics(name, target.states(), target.emptied())
                    targets[name] = target
                except DOWN:
                    up.add_metric([name], 0)
                    continue
                up.add_metric([name], 1)
            lag = GaugeMetricFamily(
                "softcart_lag_seconds",
                "Time since the last pass of a table whose source has more; 0 where it has not",
                labels=["source", "table"],
            )
            for source, tables in health.grouped(health.followed(self._tables)):
                reachable = [table for table in tables if table.target in targets]
                try:
                    with _resource(stack, source).source() as reader:
                        behind = LogProbe(reachable, reader, targets, Cursor()).since_last_pass()
                    for table in reachable:
                        seconds = behind[table].total_seconds() if table in behind else 0.0
                        lag.add_metric([source, table.qualified], max(0.0, seconds))
                    up.add_metric([source], 1)
                except DOWN:
                    up.add_metric([source], 0)
            yield lag

    def _of_runs(self) -> Iterator[GaugeMetricFamily]:
        since = datetime.fromtimestamp(time.time() - DAY_SECONDS, UTC)
        runs = GaugeMetricFamily("softcart_runs", "Runs of the last 24 hours", labels=["status"])
        for status in DagsterRunStatus:
            chosen = RunsFilter(statuses=[status], created_after=since)
            runs.add_metric([status.value.lower()], count_runs(self._instance, chosen))
        yield runs

    def _of_checks(self) -> Iterator[GaugeMetricFamily]:
        failed = GaugeMetricFamily(
            "softcart_check_failed", "1 where the last evaluation found something",
            labels=["asset", "check", "severity"],
        )  # fmt: skip
        for key, verdict in sorted(verdicts(self._instance, self._checks).items()):
            labels = [key.asset_key.to_user_string(), key.name, verdict.check.severity.value.lower()]
            failed.add_metric(labels, not verdict.check.passed)
        yield failed

    def _of_sensors(self) -> Iterator[GaugeMetricFamily]:
        broken = GaugeMetricFamily(
            "softcart_tick_failed", "1 where the last tick of a sensor or a schedule raised an error",
            labels=["name"],
        )  # fmt: skip
        for tick in ticks(self._instance):
            broken.add_metric([tick.name], bool(tick.error))
        yield broken
        age = GaugeMetricFamily(
            "softcart_heartbeat_age_seconds", "Time since the sensor last said that it looks",
            labels=["sensor"],
        )  # fmt: skip
        for name, at in beats(self._instance, watched(self._tables)).items():
            if at is not None:
                age.add_metric([name], max(0.0, time.time() - at))
        yield age


def _resource(stack: ExitStack, name: str) -> Any:
    """A system as the graph opens it."""
    opened = stack.enter_context(dg.build_resources({name: resources()[name]}))
    return getattr(opened, name)


@click.command()
@click.option("--port", type=int, required=True, help="A port of this machine, on loopback.")
def main(port: int) -> None:
    """Serve /metrics on loopback until the process is ended; the URLs and DAGSTER_HOME come from the
    environment."""
    instance = DagsterInstance.get()
    keep_connections(instance)
    checks = sorted(build_defs().resolve_asset_graph().asset_check_keys)
    registry = CollectorRegistry()
    url = os.environ.get("SOFTCART_PRODUCTION_URL") or "postgresql://"
    tables = TABLES if is_target(url) else by_way_of_staging(TABLES)
    registry.register(Platform(instance, tables, checks))
    _, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    thread.join()


if __name__ == "__main__":
    main()
