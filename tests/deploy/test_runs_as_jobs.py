"""Runs as Jobs of a cluster: launched by Dagster's own launcher, killed, gone on with, cancelled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from demo import generate
from softcart_assets.storage import make_tables
from stack import cluster as servers
from tests.deploy.cluster import Cluster, serving
from tests.deploy.dockerfile import CLONE
from tests.fresh import fresh_database
from tests.integration.declared import make_declared
from tests.integration.sync_support import query
from tests.waiting import until

PATIENCE_SECONDS = 900.0


@dataclass
class Pods:
    """The platform whose runs are Jobs of `cluster`."""

    cluster: Cluster
    settings: dict[str, str]
    instance: dg.DagsterInstance

    def launch(self, job: str) -> str:
        """The id of a run that was launched by the dagster CLI."""
        before = {run.run_id for run in self.instance.get_runs()}
        done = subprocess.run(
            [
                Path(sys.executable).with_name("dagster"),
                "job",
                "launch",
                "-f",
                CLONE / "definitions.py",
                "-j",
                job,
            ],
            cwd=CLONE,
            env=dict(os.environ),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        (run_id,) = {run.run_id for run in self.instance.get_runs()} - before
        return run_id

    def wait(self, run_id: str) -> DagsterRunStatus:
        until(
            lambda: self.status(run_id) not in {DagsterRunStatus.STARTED, DagsterRunStatus.STARTING},
            PATIENCE_SECONDS,
        )
        return self.status(run_id)

    def status(self, run_id: str) -> DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run
        return run.status

    def log(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in self.cluster.folder.glob("*.log"))

    def rows(self, table: str) -> int:
        ((count,),) = query(self.settings["SOFTCART_STAGING_URL"], f"SELECT count(*) FROM {table}")
        return int(count)

    def exists(self, table: str) -> bool:
        asked = f"SELECT to_regclass('{table}') IS NOT NULL"
        return query(self.settings["SOFTCART_STAGING_URL"], asked) == [(True,)]


@pytest.fixture
def pods(
    platform: dict[str, str], stack: servers.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pods]:
    generate(tmp_path / "landing", seed=7, size=400)
    make_declared(stack, platform["SOFTCART_MONGO_ADMIN_URL"])
    home = tmp_path / "dagster"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("SOFTCART_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("SOFTCART_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setenv("SOFTCART_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("SOFTCART_WARM_DBT", "off")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with fresh_database(stack, platform["SOFTCART_DAGSTER_URL"]) as storage:
        monkeypatch.setenv("SOFTCART_DAGSTER_URL", storage)
        make_tables(storage)
        cluster = Cluster(tmp_path, {**os.environ, "PATH": path, "PYTHONPATH": str(CLONE)})
        with serving(cluster) as kubeconfig:
            (home / "dagster.yaml").write_text(json.dumps(configuration(kubeconfig, home)))
            with dg.DagsterInstance.get() as instance:
                yield Pods(cluster, platform, instance)


def configuration(kubeconfig: Path, home: Path) -> dict[str, object]:
    """As the chart writes it, but for where the cluster is."""
    return {
        "storage": {"postgres": {"postgres_url": {"env": "SOFTCART_DAGSTER_URL"}}},
        "run_coordinator": {
            "module": "dagster._core.run_coordinator.default_run_coordinator",
            "class": "DefaultRunCoordinator",
        },
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {
                "load_incluster_config": False,
                "kubeconfig_file": str(kubeconfig),
                "job_namespace": "softcart",
                "job_image": "softcart:local",
                "service_account_name": "softcart-dagster",
                "instance_config_map": "softcart-dagster-instance",
                "dagster_home": str(home),
                "env_config_maps": ["softcart-settings"],
                "env_secrets": ["softcart-urls"],
                "fail_pod_on_run_failure": True,
            },
        },
        "telemetry": {"enabled": False},
    }


@pytest.mark.extended
@pytest.mark.timeout(1800)
def test_a_job_that_is_killed_is_gone_on_with_and_a_cancelled_one_leaves_nothing(pods: Pods) -> None:
    killed = pods.launch("refresh")
    until(
        lambda: pods.exists("raw.fact_sales") or pods.status(killed) is DagsterRunStatus.FAILURE,
        PATIENCE_SECONDS,
    )
    assert pods.status(killed) is DagsterRunStatus.STARTED, pods.log()
    job = pods.cluster.launched[0]["metadata"]["name"]
    pods.cluster.kill(job)
    run = pods.instance.get_run_by_id(killed)
    assert run
    until(
        lambda: pods.instance.run_launcher.check_run_worker_health(run).status.name == "FAILED",
        PATIENCE_SECONDS,
    )
    pods.instance.report_run_failed(run, "its pod is gone")

    again = pods.launch("refresh")
    assert pods.wait(again) is DagsterRunStatus.SUCCESS, pods.log()
    landing = Path(os.environ["SOFTCART_LANDING"])
    lines = len((landing / "FactSales.csv").read_text().splitlines()) - 1
    assert pods.rows("raw.fact_sales") == lines
    current = "SELECT count(*) FROM raw.sales_data WHERE NOT _deleted"
    ((sold,),) = query(pods.settings["SOFTCART_STAGING_URL"], current)
    facts = "SELECT count(*) FROM star.fact_sales WHERE NOT _deleted"
    for database in ("STAGING", "PRODUCTION"):
        star = facts if database == "STAGING" else "SELECT count(*) FROM star.fact_sales"
        assert query(pods.settings[f"SOFTCART_{database}_URL"], star) == [
            (sold + pods.rows("raw.fact_sales"),)
        ]

    cancelled = pods.launch("reconcile")
    until(lambda: pods.status(cancelled) is DagsterRunStatus.STARTED, PATIENCE_SECONDS)
    assert pods.instance.run_launcher.terminate(cancelled)
    left = {name for _, name in pods.cluster.jobs}
    assert f"dagster-run-{cancelled}" not in left
    until(lambda: pods.cluster.processes[f"dagster-run-{cancelled}"].poll() is not None, PATIENCE_SECONDS)
    until(
        lambda: pods.status(cancelled) in {DagsterRunStatus.CANCELED, DagsterRunStatus.CANCELING},
        PATIENCE_SECONDS,
    )


def test_a_run_is_a_job_that_has_its_secrets_by_reference(pods: Pods) -> None:
    run_id = pods.launch("lake_maintenance")
    (job,) = pods.cluster.launched
    assert job["metadata"]["name"] == f"dagster-run-{run_id}"
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["args"][:3] == ["dagster", "api", "execute_run"]
    assert {"secretRef": {"name": "softcart-urls"}} in container["envFrom"]
    words = json.dumps(job)
    assert all(url not in words for name, url in pods.settings.items() if name.endswith("_URL"))
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert pods.wait(run_id) in {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE}, pods.log()
