"""One Spark session a run: started when it is needed, shared, calm, and gone at the run's end."""

import os
from pathlib import Path

import dagster as dg
import psutil
import pytest

from resources.spark import SparkResource, named_settings
from softcart_assets.automation import in_process
from sync.errors import SyncError
from tests.processes import answers

SMALL = {"spark.driver.memory": "512m"}


def jvms() -> list[int]:
    """The Java processes that this one has started."""
    children = psutil.Process().children(recursive=True)
    return [pid for pid, name in answers(children, lambda child: (child.pid, child.name())) if name == "java"]


def run_of(*assets: dg.AssetsDefinition, spark: SparkResource) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job("all_of_them", executor_def=in_process)],
        resources={"spark": spark},
    )
    return definitions.resolve_job_def("all_of_them").execute_in_process(
        instance=dg.DagsterInstance.ephemeral()
    )


@dg.asset(required_resource_keys={"spark"})
def counted(context: dg.AssetExecutionContext) -> dict[str, object]:
    with context.resources.spark.reporting(context.log) as session:
        rows = session.range(1000).selectExpr("sum(id)").collect()[0][0]
        return {"rows": rows, "application": session.sparkContext.applicationId, "jvms": jvms()}


@dg.asset(required_resource_keys={"spark"})
def zone(context: dg.AssetExecutionContext, counted: dict[str, object]) -> dict[str, object]:
    session = context.resources.spark.session
    text = session.sql("SELECT CAST(TIMESTAMP '2026-01-01 12:00:00Z' AS STRING)").collect()[0][0]
    return {"noon": text, "application": session.sparkContext.applicationId}


def test_a_run_has_one_session_that_ends_with_it_and_chats_nowhere(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = jvms()
    result = run_of(counted, zone, spark=SparkResource(master="local[1]", settings=SMALL))
    first, second = result.output_for_node("counted"), result.output_for_node("zone")
    assert first["rows"] == 499_500
    assert second["noon"] == "2026-01-01 12:00:00"
    assert first["application"] == second["application"]
    assert len(first["jvms"]) == len(before) + 1
    assert jvms() == before
    said = capfd.readouterr()
    for word in ("log4j", "WARN", "incubator", "setLogLevel", "NativeCodeLoader"):
        assert word not in said.out + said.err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_does_not_ask_for_a_session_starts_no_jvm() -> None:
    @dg.asset(required_resource_keys={"spark"})
    def nothing_new(context: dg.AssetExecutionContext) -> int:
        assert not context.resources.spark.is_started
        return len(jvms())

    before = len(jvms())
    assert run_of(nothing_new, spark=SparkResource()).output_for_node("nothing_new") == before


def test_a_machine_without_java_is_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert not (tmp_path / "bin" / "java").exists()
    with pytest.raises(SyncError, match=r"SOFTCART_SPARK_MASTER.*needs Java 17"):
        _ = SparkResource(master="local[1]").session
    assert os.environ["JAVA_HOME"] == str(tmp_path)


def test_settings_are_named_as_spark_names_them() -> None:
    named = named_settings("spark.kubernetes.namespace=shop  spark.driver.extraJavaOptions=-Da=b")
    assert named == {"spark.kubernetes.namespace": "shop", "spark.driver.extraJavaOptions": "-Da=b"}
    with pytest.raises(SyncError, match="SOFTCART_SPARK_SETTINGS has 'namespace=shop'"):
        named_settings("namespace=shop")
