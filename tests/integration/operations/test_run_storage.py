"""A week of runs written as events, and what of them the storage keeps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
import dagster as dg
import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetMaterialization,
    DagsterEvent,
    DagsterInstance,
    DagsterRunStatus,
    EventLogEntry,
)
from dagster._core.events import StepMaterializationData

from softcart_assets.upkeep.run_storage import Rules, prune
from stack.cluster import Cluster
from stack.dagster_storage import make_tables
from sync.errors import SyncError
from tests.fresh import fresh_database
from tests.integration.sync_support import query

RULES = Rules(days=30, quiet_hours=24)
FOR_EVER = Rules(days=10_000, quiet_hours=24 * 10_000)
DAY = 86_400
RUNS_A_DAY = 8
NAMES = tuple(f"table_{number}" for number in range(8))


@dg.asset
def orders() -> None:
    """Stands for the job of all runs."""


JOB = dg.Definitions(assets=[orders], jobs=[dg.define_asset_job("sync")]).resolve_job_def("sync")


@pytest.fixture
def instance(
    stack: Cluster, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    """The project's dagster.yaml, on a database of its own."""
    with opened(stack, urls, monkeypatch) as instance:
        yield instance


@contextmanager
def opened(
    stack: Cluster, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    with fresh_database(stack, urls["SOFTCART_DAGSTER_URL"]) as url:
        monkeypatch.setenv("SOFTCART_DAGSTER_URL", url)
        make_tables(url, lambda line: None)
        with DagsterInstance.from_config(str(stack.home.dagster)) as instance:
            yield instance


def write_run(instance: DagsterInstance, at: float, names: tuple[str, ...], **tags: str) -> str:
    """A run that ended at a time, as the storage has it: events, materializations, the verdict of a check."""
    status = DagsterRunStatus.FAILURE if tags.pop("failed", None) else DagsterRunStatus.SUCCESS
    run = instance.create_run_for_job(JOB, tags=tags, status=DagsterRunStatus.STARTED)
    for name in names:
        for _ in range(3):
            said = "what a step says " * 20
            _store(instance, run.run_id, at, DagsterEvent("STEP_START", "sync", step_key=name, message=said))
        data = StepMaterializationData(AssetMaterialization(name, metadata={"rows": 1}), [])
        event = DagsterEvent("ASSET_MATERIALIZATION", "sync", step_key=name, event_specific_data=data)
        _store(instance, run.run_id, at, event)
    _store(instance, run.run_id, at, _verdict(NAMES[0]))
    query(
        instance.event_log_storage.postgres_url,
        f"UPDATE runs SET status = '{status.value}', end_time = {at} WHERE run_id = '{run.run_id}'",
    )
    return run.run_id


def _verdict(name: str) -> DagsterEvent:
    check = AssetCheckEvaluation(asset_key=dg.AssetKey(name), check_name="is_right", passed=True)
    return DagsterEvent("ASSET_CHECK_EVALUATION", "sync", event_specific_data=check)


def _store(instance: DagsterInstance, run_id: str, at: float, event: DagsterEvent) -> None:
    instance.event_log_storage.store_event(
        EventLogEntry(
            error_info=None, user_message="", level=10, run_id=run_id, timestamp=at,
            step_key=event.step_key, job_name="sync", dagster_event=event,
        )
    )  # fmt: skip


def write_day(instance: DagsterInstance, begin: float) -> None:
    """What sensors do in a day: runs of some tables each, and heartbeats of no run."""
    for number in range(RUNS_A_DAY):
        at = begin + number * DAY / RUNS_A_DAY
        write_run(instance, at, NAMES[number % 4 :: 4], **{"softcart/source": "mysql"})
        data = StepMaterializationData(AssetMaterialization(["heartbeat", "mysql"]), [])
        beat = DagsterEvent("ASSET_MATERIALIZATION", "none", event_specific_data=data)
        _store(instance, "", at, beat)
        _store(instance, "", at, _verdict("table_1"))


def count(instance: DagsterInstance, table: str) -> int:
    ((rows,),) = query(instance.event_log_storage.postgres_url, f"SELECT count(*) FROM {table}")
    return int(rows)


@dataclass(frozen=True)
class Week:
    """At the end of each day, the bytes that the storage takes and its events."""

    sizes: list[int]
    events: list[int]

    @property
    def daily(self) -> float:
        """Bytes that a day adds, once two are over."""
        return (self.sizes[-1] - self.sizes[1]) / (len(self.sizes) - 2)


def write_week(instance: DagsterInstance, rules: Rules, days: int = 7) -> Week:
    week = Week([], [])
    now = time.time()
    for day in range(-days, 0):
        begin = now + day * DAY
        write_day(instance, begin)
        week.sizes.append(prune(instance, rules, now=begin + DAY).size)
        week.events.append(count(instance, "event_logs"))
    shown = " ".join(f"{size / 1e6:.1f}" for size in week.sizes)
    click.echo(f"{RUNS_A_DAY} runs a day, kept {rules.quiet_hours:g} hours: {shown} MB")
    return week


def test_a_week_of_runs_does_not_let_the_storage_grow(
    instance: DagsterInstance, stack: Cluster, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    week = write_week(instance, RULES)
    assert count(instance, "runs") <= 2 * RUNS_A_DAY
    assert max(week.events[2:]) <= 1.1 * week.events[1]
    assert count(instance, "asset_check_executions") <= 4 * RUNS_A_DAY
    with opened(stack, urls, monkeypatch) as unpruned:
        kept = write_week(unpruned, FOR_EVER, days=4)
    assert kept.events[-1] == 4 * kept.events[0]
    click.echo(f"{kept.daily / 1e6:.2f} MB a day where nothing is pruned")
    most = max(week.sizes[:4])
    assert max(week.sizes[4:]) <= 1.1 * most
    assert 0.1 * most < 3 * kept.daily  # or what three days add could not be told from this


def test_what_was_last_and_what_failed_stays_however_old_it_is(instance: DagsterInstance) -> None:
    now = time.time()
    long_ago = now - 100 * DAY
    failed = write_run(instance, long_ago, ("orders",), failed="yes")
    last_of_customers = write_run(instance, long_ago, ("customers", "stock"))
    gone = write_run(instance, long_ago, ("stock",))
    quiet = write_run(instance, now - 2 * DAY, ("stock",), **{"softcart/source": "mysql"})
    by_hand = write_run(instance, now - 2 * DAY, ("stock",))
    last = write_run(instance, now - 60, ("stock", "orders"), **{"softcart/source": "mysql"})
    pruned = prune(instance, RULES)
    kept = {run.run_id for run in instance.get_runs()}
    assert kept == {failed, last_of_customers, by_hand, last}
    assert (pruned.runs, instance.all_logs(gone), instance.all_logs(quiet)) == (2, [], [])
    keys = [dg.AssetKey(name) for name in ("customers", "orders", "stock")]
    events = instance.get_latest_materialization_events(keys)
    assert {event.run_id for event in events.values() if event} == {last_of_customers, last}
    latest = instance.get_latest_asset_check_evaluation_record(
        dg.AssetCheckKey(dg.AssetKey(NAMES[0]), "is_right")
    )
    assert latest is not None
    assert latest.run_id == last
    assert prune(instance, RULES).runs == 0


def test_a_snapshot_that_a_run_names_stays(instance: DagsterInstance) -> None:
    run_id = write_run(instance, time.time(), ("orders",))
    query(
        instance.event_log_storage.postgres_url,
        "INSERT INTO snapshots (snapshot_id, snapshot_body, snapshot_type) VALUES ('old', '', 'PIPELINE')",
    )
    assert prune(instance, RULES).snapshots == 1
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.job_snapshot_id is not None
    assert instance.get_job_snapshot(run.job_snapshot_id).name == "sync"
    assert run.execution_plan_snapshot_id is None or instance.get_execution_plan_snapshot(
        run.execution_plan_snapshot_id
    )


def test_a_storage_that_is_no_postgresql_is_named() -> None:
    with DagsterInstance.ephemeral() as instance, pytest.raises(SyncError, match="SOFTCART_DAGSTER_URL"):
        prune(instance, RULES)
