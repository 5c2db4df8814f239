"""Spark on YARN: a ResourceManager and a NodeManager as processes on this machine."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyspark
import pytest

from lake.delta import Origin, commit
from lake.location import Location
from lake.spark import read
from lake.spec import PERIOD
from resources.spark import SparkResource
from stack.hadoop import jars, java, signing_jars
from stack.home import Home
from tests.resources.test_spark_cluster import SCHEMA, free_port
from tests.waiting import until

READY_SECONDS = 300
SPARK_JARS = Path(pyspark.__file__).parent / "jars"
SERVERS = {"rm": "resourcemanager.ResourceManager", "nm": "nodemanager.NodeManager"}
ADDRESSES = (
    "resourcemanager.address",
    "resourcemanager.scheduler.address",
    "resourcemanager.resource-tracker.address",
    "resourcemanager.admin.address",
    "resourcemanager.webapp.address",
    "nodemanager.address",
    "nodemanager.localizer.address",
    "nodemanager.collector-service.address",
    "nodemanager.webapp.address",
)


def configure(folder: Path) -> str:
    """Write the configuration; the address of the ResourceManager's web server."""
    yarn = {name: f"127.0.0.1:{free_port()}" for name in ADDRESSES} | {
        "resourcemanager.hostname": "127.0.0.1",
        "resourcemanager.bind-host": "127.0.0.1",
        "resourcemanager.scheduler.class": "org.apache.hadoop.yarn.server.resourcemanager.scheduler.fifo"
        ".FifoScheduler",
        "scheduler.minimum-allocation-mb": "128",
        "nodemanager.hostname": "127.0.0.1",
        "nodemanager.bind-host": "127.0.0.1",
        "nodemanager.local-dirs": str(folder / "local"),
        "nodemanager.log-dirs": str(folder / "logs"),
        "nodemanager.resource.memory-mb": "3072",
        "nodemanager.resource.cpu-vcores": "4",
        "nodemanager.vmem-check-enabled": "false",
        # How full this machine's disk is, is nothing that the test is about.
        "nodemanager.disk-health-checker.enable": "false",
    }
    core = {"fs.defaultFS": "file:///", "hadoop.tmp.dir": str(folder / "tmp")}
    for name, properties in {
        "core-site.xml": core,
        "yarn-site.xml": {f"yarn.{key}": value for key, value in yarn.items()},
    }.items():
        listed = "".join(
            f"<property><name>{key}</name><value>{value}</value></property>\n"
            for key, value in properties.items()
        )
        (folder / name).write_text(f"<configuration>\n{listed}</configuration>\n")
    return yarn["resourcemanager.webapp.address"]


@pytest.fixture
def yarn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder, home = tmp_path / "yarn", Home.from_environment()
    for name in ("", "local", "logs"):
        (folder / name).mkdir()
    web, program = configure(folder), java(home)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(folder))
    monkeypatch.setenv("JAVA_HOME", str(program.resolve().parents[1]))  # the containers have it from here
    # Hadoop's jars bring no log4j, without which the ResourceManager ends and says nothing.
    logs = [*SPARK_JARS.glob("slf4j-api-*.jar"), *SPARK_JARS.glob("log4j-*.jar")]
    classes = ":".join([str(folder), *map(str, logs), f"{jars(home)}/*", f"{signing_jars(home)}/*"])
    started = []
    for name, server in SERVERS.items():
        command = [str(program), "-Xmx256m", "-cp", classes, f"org.apache.hadoop.yarn.server.{server}"]
        with (folder / f"{name}.log").open("wb") as log:
            started.append(
                subprocess.Popen(command, env=dict(os.environ), stdout=log, stderr=log, cwd=folder)
            )
    try:
        until(lambda: has_a_node(web), READY_SECONDS)
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(60)


def has_a_node(web: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{web}/ws/v1/cluster/metrics", timeout=5) as answer:
            return bool(json.load(answer)["clusterMetrics"]["activeNodes"] == 1)
    except OSError:
        return False


@pytest.mark.extended
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("yarn")
def test_yarn_reads_a_table_of_the_lake_in_containers_of_its_own(tmp_path: Path) -> None:
    lake = Location.parse(str(tmp_path / "lake"))
    rows = pa.RecordBatch.from_pydict({"n": list(range(1000)), PERIOD: ["2026-01"] * 1000}, schema=SCHEMA)
    commit(lake, "raw/numbers", SCHEMA, [rows], Origin("a test", 1, "a test"))
    settings = {
        "spark.driver.memory": "512m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.executor.instances": "1",
        "spark.yarn.am.memory": "512m",
        "spark.yarn.jars": f"local:{SPARK_JARS}/*",  # or each application uploads half a gigabyte
        "spark.yarn.stagingDir": (tmp_path / "staging").as_uri(),
    }
    spark = SparkResource(master="yarn", settings=settings)
    try:
        frame = read(spark.session, lake, "raw/numbers")
        assert frame.selectExpr("count(*)", "sum(n)", f"min({PERIOD})").collect() == [
            (1000, 499_500, "2026-01")
        ]
        application = spark.session.sparkContext.applicationId
        containers = list((tmp_path / "yarn" / "logs" / application).glob("container_*"))
        assert len(containers) == 2  # the application's master and an executor
    finally:
        spark.stop()
