"""Spark on a cluster: a master and a worker as processes on this machine."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from lake.delta import Origin, commit
from lake.location import Location
from lake.spark import read
from lake.spec import PERIOD
from resources.spark import SparkResource

READY_SECONDS = 180
SCHEMA = pa.schema([("n", pa.int64()), (PERIOD, pa.string())])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spark_class(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    import pyspark

    home = Path(pyspark.__file__).parent
    settings = {"SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "256m", "SPARK_LOCAL_IP": "127.0.0.1"}
    with (folder / "cluster.log").open("ab") as log:
        return subprocess.Popen(
            [str(home / "bin" / "spark-class"), *words],
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
        )


@pytest.fixture
def master(tmp_path: Path) -> Iterator[str]:
    port, web, worker_web = free_port(), free_port(), free_port()
    url = f"spark://127.0.0.1:{port}"
    deploy, listen = "org.apache.spark.deploy", ["--host", "127.0.0.1"]
    started = [
        spark_class(
            tmp_path, f"{deploy}.master.Master", *listen, "--port", str(port), "--webui-port", str(web)
        ),
        spark_class(
            tmp_path, f"{deploy}.worker.Worker", *listen, "--cores", "1", "--memory", "1g",
            "--webui-port", str(worker_web), "--work-dir", str(tmp_path / "work"), url,
        ),
    ]  # fmt: skip
    try:
        wait_for_worker(f"http://127.0.0.1:{web}/json/")
        yield url
    finally:
        for process in started:
            process.terminate()
            process.wait(60)


def wait_for_worker(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if any(worker["state"] == "ALIVE" for worker in json.load(answer)["workers"]):
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise TimeoutError(f"no worker is alive at {url}")


@pytest.mark.extended
def test_a_cluster_reads_the_version_of_a_table_and_not_what_else_is_in_its_folder(
    master: str, tmp_path: Path
) -> None:
    lake = Location.parse(str(tmp_path / "lake"))
    for version in range(2):
        rows = pa.RecordBatch.from_pydict({"n": list(range(1000)), PERIOD: ["2026-01"] * 1000}, schema=SCHEMA)
        commit(lake, "raw/numbers", SCHEMA, [rows], Origin("a test", version, "a test"))
    spark = SparkResource(
        master=master, settings={"spark.driver.memory": "512m", "spark.executor.memory": "512m"}
    )
    try:
        frame = read(spark.session, lake, "raw/numbers")
        assert frame.selectExpr("count(*)", "sum(n)", f"min({PERIOD})").collect() == [
            (1000, 499_500, "2026-01")
        ]
        assert spark.session.sparkContext.master == master
    finally:
        spark.stop()
