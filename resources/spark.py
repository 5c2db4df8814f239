"""Spark: the session in which the lake is analysed, started when it is first asked for.

dagster-pyspark makes the session; what it leaves to others is here. A session serves all assets of a run and
is stopped at the run's end together with its JVM, which costs more than ten seconds to start: an asset asks
for `session` only after it has found something to do. What Spark and Java say goes to a file of its own,
whose last lines explain a start that failed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from lake.spark import package_settings
from resources.spark_progress import reported
from sync.errors import SyncError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOCAL = "local[*]"
CONNECT = "sc://"
STOP_SECONDS = 20
TAIL_LINES = 12
SETTINGS = {
    "spark.app.name": "softcart",
    "spark.ui.enabled": "false",
    "spark.log.level": "WARN",
    "spark.driver.memory": "1g",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # A partition's value is text to the reader: one that looks like a date would come back as a date.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
}
# A JVM that lives for a minute: the thorough compiler is for what a long job repeats, or it takes half of all
# CPU time. And two hundred tasks for a shuffle of a few thousand rows would take longer than the rows.
SHORT_LIVED = {
    "spark.driver.extraJavaOptions": "-XX:Tier4InvocationThreshold=50000 -XX:Tier4MinInvocationThreshold=6000"
    " -XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "4",
}
# One machine: its network name may resolve to an address that nobody listens on.
LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


class SparkResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One Spark session a run, at the master that `SOFTCART_SPARK_MASTER` names."""

    master: str | None = Field(
        default=None,
        description="local[*], spark://host:port, yarn, k8s://… or sc://host:port (Spark Connect)",
    )
    packages: str | None = Field(
        default=None,
        description="jars to load from Maven Central, such as drivers: group:artifact:version,…",
    )
    options: str | None = Field(
        default=None,
        description="further Spark settings, name=value, separated by blanks: what a cluster asks for",
    )
    settings: dict[str, str] = Field(default={}, description="further Spark settings; they win over ours")

    _opened: _Opened | None = PrivateAttr(default=None)

    @property
    def is_started(self) -> bool:
        """Whether a session has been asked for."""
        return self._opened is not None

    @property
    def session(self) -> SparkSession:
        """The session, started at the first call.

        Raises `SyncError` where it cannot be: no Java, no such master.
        """
        if self._opened is None:
            named = named_settings(self.options or "")
            settings = {**package_settings(self.packages or ""), **named, **self.settings}
            self._opened = _open(self.master or LOCAL, settings)
        return self._opened.session

    @contextmanager
    def reporting(self, log: dg.DagsterLogManager) -> Iterator[SparkSession]:
        """The session; its stages and their progress go to a run's `log` while the block runs."""
        with reported(self.session, log.info):
            yield self.session

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self.stop()

    def stop(self) -> None:
        """End the session, where one was started, and its JVM."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.close()


class _Opened:
    """A session with the JVM and the folder that are its own; a session that was there before is left."""

    def __init__(self, session: SparkSession, gateway: Any, folder: Path) -> None:
        self.session = session
        self._gateway = gateway
        self._folder = folder

    def close(self) -> None:
        try:
            self.session.stop()
        finally:
            _end(self._gateway)
            shutil.rmtree(self._folder, ignore_errors=True)


def named_settings(options: str) -> dict[str, str]:
    """Settings from `name=value name=value`. Raises `SyncError` for a word that is none."""
    words = options.split()
    if wrong := [word for word in words if not word.startswith("spark.") or "=" not in word]:
        raise SyncError(
            f"SOFTCART_SPARK_SETTINGS has {wrong[0]!r}: give spark.name=value, separated by blanks"
        )
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def spark_settings(master: str, settings: dict[str, str], folder: Path) -> dict[str, str]:
    """All settings of a session at `master`; what it writes on this machine goes below `folder`."""
    if master.startswith(CONNECT):  # the server has its own
        return {"spark.remote": master, "spark.sql.session.timeZone": "UTC", **settings}
    is_here = master.startswith("local") or "//127.0.0.1:" in master
    return {
        "spark.master": master,
        **SETTINGS,
        **(LOOPBACK if is_here else {}),
        **(SHORT_LIVED if master.startswith("local") else {}),
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        **settings,
    }


def _open(master: str, settings: dict[str, str]) -> _Opened:
    folder = Path(tempfile.mkdtemp(prefix="softcart-spark-"))
    log = folder / "spark.log"
    wanted = spark_settings(master, settings, folder)
    gateway = None
    try:
        gateway = None if master.startswith(CONNECT) else _launch(wanted, log)
        from dagster_pyspark import LazyPySparkResource

        return _Opened(LazyPySparkResource(spark_config=wanted).spark_session, gateway, folder)
    except Exception as error:
        _end(gateway)
        said = log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if log.is_file() else []
        shutil.rmtree(folder, ignore_errors=True)
        reason = " ".join(str(error).split("\n\n")[0].split())
        tail = "".join(f"\n    {line}" for line in said)
        raise SyncError(
            f"no Spark session at {master} (SOFTCART_SPARK_MASTER): {reason}. A session on this machine needs"
            f" Java 17 or newer, on PATH or as JAVA_HOME (make setup brings one).{tail}"
        ) from error


def _launch(settings: dict[str, str], log: Path) -> Any:
    """Start the JVM, whose output goes to `log`, and let PySpark use it."""
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway

    if SparkContext._active_spark_context is not None:
        raise SyncError("this process has a Spark session already that is not ours: stop it first")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    conf = SparkConf(loadDefaults=False)
    for name, value in settings.items():
        conf.set(name, value)
    with log.open("ab") as output:
        streams = {"stdout": output, "stderr": subprocess.STDOUT}
        gateway = launch_gateway(conf, streams)  # type: ignore[no-untyped-call]
    SparkContext._ensure_initialized(gateway=gateway)
    return gateway


def _end(gateway: Any) -> None:
    """End a JVM; PySpark keeps it until Python ends."""
    if gateway is None:
        return
    from pyspark import SparkContext

    SparkContext._gateway = SparkContext._jvm = None
    process: subprocess.Popen[bytes] | None = gateway.proc
    gateway.shutdown()
    if process is None:
        return
    if process.stdin:
        process.stdin.close()  # at which the JVM ends
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
