"""Dagster's runs and their storage: one that was killed does not hold others back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRunStatus

from softcart_assets.seams import KeptInstance, process_of
from softcart_assets.sensors.tick import Followed, alive
from stack.cluster import Cluster
from stack.dagster_storage import make_tables
from stack.home import StackError
from stack.postgres import PostgreSQL
from stack.runs import fail_dead_runs
from tests.fresh import fresh_database
from tests.integration.sync_support import query

SCRIPT = """
import sys
import dagster as dg

@dg.op
def wait():
    print("waiting", flush=True)
    sys.stdin.read()

@dg.job
def waits():
    wait()

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    waits.execute_in_process(instance=instance)
"""


@pytest.fixture
def instance(
    stack: Cluster, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """The project's dagster.yaml, on a database of its own."""
    with fresh_database(stack, urls["SOFTCART_DAGSTER_URL"]) as url:
        monkeypatch.setenv("SOFTCART_DAGSTER_URL", url)
        make_tables(url, print)
        with dg.DagsterInstance.from_config(str(stack.home.dagster)) as instance:
            yield instance


@pytest.fixture
def running(instance: dg.DagsterInstance, stack: Cluster) -> subprocess.Popen[str]:
    """A process in the middle of a run."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(stack.home.dagster)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "waiting\n"
    return process


def test_a_killed_run_is_marked_as_failed_and_a_living_one_is_not(
    running: subprocess.Popen[str], instance: dg.DagsterInstance
) -> None:
    (run,) = instance.get_runs()
    assert process_of(instance, run.run_id) == running.pid
    assert fail_dead_runs(instance) == []
    running.kill()
    running.communicate()
    assert fail_dead_runs(instance) == [run.run_id]
    (run,) = instance.get_runs()
    assert run.status is DagsterRunStatus.FAILURE
    (failure,) = instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_FAILURE)
    assert f"pid {running.pid}" in failure.message


def test_processes_that_live_long_keep_their_connections_to_the_storage(
    instance: dg.DagsterInstance, staging: str
) -> None:
    def sessions() -> set[int]:
        database = urlsplit(os.environ["SOFTCART_DAGSTER_URL"]).path.removeprefix("/")
        found = query(staging, "SELECT datname, pid FROM pg_stat_activity")
        return {pid for name, pid in found if name == database}

    assert not sessions()
    assert isinstance(instance.run_coordinator, dg.QueuedRunCoordinator)
    instance.get_runs_count()
    kept = sessions()
    instance.get_runs_count()
    assert kept == sessions() != set()


def test_a_storage_that_cannot_be_reached_is_named(urls: dict[str, str]) -> None:
    said: list[str] = []
    parts = urlsplit(urls["SOFTCART_DAGSTER_URL"])
    wrong = parts._replace(netloc=f"dagster:secret@{parts.hostname}:{parts.port}")
    make_tables(wrong.geturl(), said.append)
    assert "(SOFTCART_DAGSTER_URL) cannot be used" in said[0]
    assert "check user and password" in said[0]
    assert "secret" not in said[0]


def test_ticks_of_one_process_share_an_instance(instance: dg.DagsterInstance) -> None:
    def context() -> dg.SensorEvaluationContext:
        return dg.SensorEvaluationContext(instance.get_ref(), None, None, None, None)

    kept = KeptInstance()
    with context() as first, context() as second:
        shared = kept.of(first)
        assert shared is kept.of(second)
        assert shared.get_ref() == instance.get_ref()
        assert shared.get_runs_count() == 0
    with dg.DagsterInstance.ephemeral() as own, dg.build_sensor_context(instance=own) as other:
        assert kept.of(other) is own


def test_who_may_not_make_the_tables_is_told_in_a_line(
    stack: Cluster, urls: dict[str, str], staging: str
) -> None:
    theirs = urlsplit(urls["SOFTCART_BI_URL"])._replace(path=urlsplit(staging).path).geturl()
    with pytest.raises(StackError, match=r"cannot be made in .*: permission denied for schema public; "):
        make_tables(theirs, print)


def test_a_tick_outlives_a_restart_of_the_storage(instance: dg.DagsterInstance, stack: Cluster) -> None:
    kept = KeptInstance()
    with dg.SensorEvaluationContext(instance.get_ref(), None, None, None, None) as context:
        assert kept.of(context).get_runs_count() == 0
        with closing(PostgreSQL(stack.home).connect(stack.ports.known()["postgres"])) as root:
            root.cursor().execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
                [urlsplit(os.environ["SOFTCART_DAGSTER_URL"]).path.removeprefix("/")],
            )
        followed = Followed({}, (), None, instance=kept)
        tick = alive(
            context,
            "mysql",
            followed,
            (),
            lambda _: dg.SensorResult(skip_reason=f"{kept.of(context).get_runs_count()} runs"),
        )
    assert isinstance(tick, dg.SensorResult)
    assert tick.skip_reason == dg.SkipReason("0 runs")
