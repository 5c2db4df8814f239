"""``python -m benchmarks.left_alone``: `make ui` under `make traffic`, and nobody who looks after it.

The schedules run every few minutes instead of each day and week. A third of the way through, MongoDB is
stopped for two minutes. At the end it is told which schedules ran, how old the exports are, which checks are
red, and what a webhook on this machine was sent. It exits with 1 where something of that is not as it should
be. It needs the platform of `make run`, and the environment of `make env`.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import click
import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from benchmarks.afterwards import differences
from benchmarks.latency import running
from softcart_assets.build import build_defs
from softcart_assets.seams import find_runs, storage_url, verdicts
from stack.cluster import Cluster
from stack.home import Home
from stack.mongodb import MongoDB
from sync.connections.postgresql import connect_postgresql

KEPT = Path(__file__).with_name("left-alone.md")
KEPT_MINUTES = 15
AWAY_SECONDS = 120.0
TIMES = {
    "daily_refresh": "*/10 * * * *",
    "hourly": "*/5 * * * *",
    "weblog_daily": "*/10 * * * *",
    "hourly_upkeep": "*/5 * * * *",
    "weekly_reconciliation": "*/10 * * * *",
    "weekly_lake_maintenance": "*/10 * * * *",
}
OLDEST_EXPORT_SECONDS = 1500.0  # two refreshes, and the time that the last one takes
SIZE = "SELECT pg_database_size(current_database())"


@dataclass
class Webhook:
    """What was posted: since the beginning, in seconds, and the message."""

    began: float = field(default_factory=time.time)
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address under which Apprise posts here."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.messages.append((time.time() - hook.began, message))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing on the terminal."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"json://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


@click.command()
@click.option("--minutes", default=30.0, show_default=True, type=click.FloatRange(min=10))
def main(minutes: float) -> None:
    """Leave the platform alone for so long, and say what became of it."""
    hook, cluster = Webhook(), Cluster(Home.from_environment(), os.environ)
    os.environ["SOFTCART_SCHEDULES"] = "; ".join(f"{name}={cron}" for name, cron in TIMES.items())
    with hook.served() as address, dg.DagsterInstance.get() as instance:
        os.environ["SOFTCART_ALERTS"] = address
        size = _size(instance)
        with running("stack", "ui"):
            with running("demo", "traffic"):
                click.echo(f"left alone for {minutes:.0f} minutes; MongoDB goes away after {minutes / 3:.0f}")
                time.sleep(minutes * 20)
                _take_away(cluster)
                time.sleep(max(0.0, hook.began + minutes * 60 - time.time()))
            apart = differences(instance)
            lines, faults = _found(instance, hook, size)
    lines.append(f"shop and production once the traffic ended: {apart or 'equal'}")
    text = "\n".join([*lines, *(f"NOT as it should be: {fault}" for fault in faults)])
    click.echo(text)
    if minutes >= KEPT_MINUTES and not (faults or apart):
        KEPT.write_text(_kept(minutes, text))
    if faults or apart:
        sys.exit(1)


def _take_away(cluster: Cluster) -> None:
    server = MongoDB(cluster.home)
    server.stop()
    time.sleep(AWAY_SECONDS)
    with cluster.home.locked():
        server.start(cluster.ports, lambda line: None)


def _found(instance: dg.DagsterInstance, hook: Webhook, size: int) -> tuple[list[str], list[str]]:
    """What there is to say, and what of it is not as it should be."""
    lines, faults = [], []
    since = RunsFilter(created_after=datetime.fromtimestamp(hook.began, UTC))
    runs = find_runs(instance, since)
    for schedule in TIMES:
        of_schedule = Counter(r.status for r in runs if r.tags.get("dagster/schedule_name") == schedule)
        good, bad = of_schedule[DagsterRunStatus.SUCCESS], of_schedule[DagsterRunStatus.FAILURE]
        lines.append(f"schedule {schedule}: {good} runs succeeded, {bad} failed")
        if not good:
            faults.append(f"no run of {schedule} succeeded")
    others = Counter(run.status for run in runs if "dagster/schedule_name" not in run.tags)
    good, bad = others[DagsterRunStatus.SUCCESS], others[DagsterRunStatus.FAILURE]
    lines.append(f"sensors' runs: {good} succeeded, {bad} failed")
    folder = Path(os.environ.get("SOFTCART_EXPORTS") or "exports")
    report = folder / "reports" / "total_sales_per_country.csv"
    age = time.time() - report.stat().st_mtime
    lines.append(f"exports: {report.name} is {age / 60:.0f} minutes old")
    if age > OLDEST_EXPORT_SECONDS:
        faults.append(f"{report} is {age / 60:.0f} minutes old")
    checks = sorted(build_defs().resolve_asset_graph().asset_check_keys)
    judged = verdicts(instance, checks)
    red = [key.to_user_string() for key, verdict in judged.items() if verdict.is_red]
    lines.append(f"checks: {len(judged)} evaluated, {len(red)} red")
    faults += [f"{name} is red" for name in red]
    lines += [f"after {at / 60:4.1f} minutes: {message['title']}" for at, message in hook.messages]
    faults += of_messages([message["message"] for _, message in hook.messages])
    now = _size(instance)
    lines.append(f"Dagster's storage: {size / 1e6:.1f} MB before, {now / 1e6:.1f} MB after {len(runs)} runs")
    return lines, faults


def of_messages(texts: list[str]) -> Iterator[str]:
    """What is wrong with these messages: each problem is told once, and once that it is over; but for what
    only warns, as the demo's data do for good, and is told once."""
    told, over, lasting = Counter[str](), Counter[str](), set[str]()
    for text in texts:
        over.update(re.findall(r"(?m)^(.+): over after \d+ minutes$", text))
        for names, reason in re.findall(r"(?m)^What: (.+)\nWhy: (.+)$", text):
            told.update(names.split(", "))
            lasting |= set(names.split(", ")) if reason.startswith("warning: ") else set()
    if not told.keys() - lasting:
        yield "nobody was told that MongoDB was away"
    yield from (f"told {times} times: {name}" for name, times in told.items() if times > 1)
    yield from (
        f"{over[name]} times told that it is over: {name}"
        for name in told.keys() - lasting
        if over[name] != 1
    )


def _size(instance: dg.DagsterInstance) -> int:
    url = storage_url(instance)
    assert url
    with connect_postgresql(url) as connection, connection.cursor() as cursor:
        cursor.execute(SIZE)
        ((size,),) = cursor.fetchall()
    return int(size)


def _kept(minutes: float, text: str) -> str:
    load = os.getloadavg()[2]
    return (
        "# Left alone\n\n"
        f"Made by `make left-alone` on {os.cpu_count()} cores, load average {load:.1f}: `make ui` under"
        f" `make traffic` for {minutes:.0f} minutes, schedules every five or ten minutes, MongoDB stopped for"
        " two.\n\n"
        f"```\n{text}\n```\n"
    )


if __name__ == "__main__":
    main()
