"""What every asset shows of itself, and that the graph loads with nothing around it."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from softcart_assets.build import build_defs
from softcart_assets.raw import asset_key, source_key
from softcart_assets.sensors.heartbeat import heartbeat_specs
from softcart_assets.tables import TABLES

ROOT = Path(__file__).parent.parent
HEAVY = (
    *("pyspark", "ibm_db", "dbt", "pandas", "sqlglot", "psutil", "pyarrow", "deltalake"),
    *("mlflow", "statsforecast", "scipy", "vl_convert"),
)
GROUPS = {"landing", "raw", "star", "reports", "sales", "orders", "production", "exports", "weblog"} | {
    "aggregates",
    "lake",
    "search",
    "forecast",
    "heartbeat",
    "upkeep",
}
KEPT_UP = {"raw", "star", "aggregates", "reports", "sales", "orders", "production", "adopted"} | {
    "upkeep",
    "extraction",
}
MODELS = [dg.AssetKey(["forecast", name]) for name in ("pretrained", "sales_2023", "candidate", "champion")]
NO_TABLES = {
    *(spec.key for spec in heartbeat_specs(["mysql", "mongodb", "files"])),
    dg.AssetKey(["lake", "maintenance"]),
    *(dg.AssetKey(["upkeep", name]) for name in ("run_storage", "staging")),
    dg.AssetKey(["notebooks", "search_terms"]),
    *MODELS,
}
SPECS = sorted(build_defs().resolve_all_asset_specs(), key=lambda spec: spec.key)
# What the declarations leave to the source is known once it was read, and not described.
TO_BE_READ = {key(table) for table in TABLES if not table.columns for key in (asset_key, source_key)}
DECLARED = [spec for spec in SPECS if spec.key not in TO_BE_READ]
UNDESCRIBED = {
    (key(table), name)
    for table in TABLES
    for column in table.columns
    if not column.description
    for key, name in ((asset_key, column.name), (source_key, column.source_name))
}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key.to_user_string())
def test_every_asset_says_what_it_is_and_whose(spec: dg.AssetSpec) -> None:
    assert spec.description
    assert spec.owners
    assert spec.kinds
    assert spec.group_name in GROUPS


@pytest.mark.parametrize(
    "spec",
    [spec for spec in DECLARED if spec.group_name != "exports" and spec.key not in NO_TABLES],
    ids=lambda spec: spec.key.to_user_string(),
)
def test_every_table_shows_its_name_and_its_described_columns(spec: dg.AssetSpec) -> None:
    assert spec.metadata["dagster/table_name"]
    schema = spec.metadata["dagster/column_schema"]
    assert schema.columns
    undescribed = {(spec.key, column.name) for column in schema.columns if not column.description}
    assert undescribed <= UNDESCRIBED


@pytest.mark.parametrize(
    "spec",
    [
        spec
        for spec in DECLARED
        if spec.group_name in GROUPS - {"landing", "exports"} and spec.deps and spec.key not in NO_TABLES
    ],
    ids=lambda spec: spec.key.to_user_string(),
)
def test_every_derived_table_shows_where_its_columns_come_from(spec: dg.AssetSpec) -> None:
    lineage = spec.metadata["dagster/column_lineage"].deps_by_column
    upstream = {dep.asset_key for dep in spec.deps} | {spec.key}
    assert lineage
    for column, deps in lineage.items():
        assert {dep.asset_key for dep in deps} <= upstream, column


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key.to_user_string())
def test_what_sensors_keep_up_is_as_fresh_as_its_heartbeat_and_the_rest_by_itself(spec: dg.AssetSpec) -> None:
    assert (spec.freshness_policy is None) == (spec.group_name in {"landing", *KEPT_UP})


@pytest.mark.parametrize(("setting", "runs"), [(None, False), ("off", False), ("on", True)])
def test_schedules_and_sensors_run_by_themselves_where_that_is_switched_on(
    setting: str | None, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOFTCART_AUTOMATION", raising=False)
    if setting:
        monkeypatch.setenv("SOFTCART_AUTOMATION", setting)
    repository = build_defs().get_repository_def()
    switched = [*repository.schedule_defs, *repository.sensor_defs]
    assert {each.default_status.value for each in switched} == {"RUNNING" if runs else "STOPPED"}


def test_a_setting_that_says_neither_on_nor_off_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTCART_AUTOMATION", "yes")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="SOFTCART_AUTOMATION is 'yes'"):
        build_defs()


def test_somebody_is_told_of_failures_where_an_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting, is_there in (("", False), ("json://127.0.0.1:1", True)):
        monkeypatch.setenv("SOFTCART_ALERTS", setting)
        repository = build_defs().get_repository_def()
        assert repository.has_sensor_def("alerts") is is_there


def test_a_schedule_runs_when_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTCART_SCHEDULES", "daily_refresh=15 6 * * *; weblog_daily=0 1 * * *")
    schedules = {schedule.name: schedule.cron_schedule for schedule in build_defs().schedules or ()}
    assert (schedules["daily_refresh"], schedules["weblog_daily"]) == ("15 6 * * *", "0 1 * * *")
    assert schedules["weekly_reconciliation"] == "0 3 * * 0"


def test_the_graph_loads_without_servers_settings_or_heavy_drivers() -> None:
    program = (
        "import sys, definitions\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
        "assert definitions.defs.resolve_all_asset_specs()"
    )
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_graph_validates_from_any_folder(tmp_path: Path) -> None:
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [Path(sys.executable).with_name("dagster"), "definitions", "validate", "-w", ROOT / "workspace.yaml"],
        cwd=tmp_path,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_warehouse_that_is_no_target_gets_the_adopted_tables_by_way_of_staging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOFTCART_PRODUCTION_URL", "elsewhere://user@127.0.0.1/dwh")
    graph = build_defs().resolve_asset_graph()
    source, seed, staged, adopted = (
        dg.AssetKey([stage, "sales_data"]) for stage in ("sales", "seed", "adopted", "production")
    )
    assert graph.get(adopted).parent_keys == {staged, seed}
    assert graph.get(staged).parent_keys == {source}
    assert graph.get_all_asset_keys() == {spec.key for spec in SPECS} | {staged}
