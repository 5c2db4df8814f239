"""What every asset shows of itself, and that the graph loads with nothing around it."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from softcart_assets.build import build_defs
from softcart_assets.raw import asset_key, source_key
from softcart_assets.tables import TABLES

ROOT = Path(__file__).parent.parent
HEAVY = (
    *("pyspark", "ibm_db", "dbt", "pandas", "sqlglot", "psutil", "pyarrow", "deltalake"),
    *("mlflow", "statsforecast", "scipy", "vl_convert"),
)
GROUPS = {"landing", "raw", "star", "reports", "sales", "orders", "production", "exports", "weblog"} | {
    "lake",
    "search",
    "forecast",
}
MODELS = [dg.AssetKey(["forecast", name]) for name in ("pretrained", "sales_2023", "candidate", "champion")]
NO_TABLES = {dg.AssetKey(["lake", "maintenance"]), dg.AssetKey(["notebooks", "search_terms"]), *MODELS}
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


@pytest.mark.parametrize(
    "spec",
    [spec for spec in SPECS if spec.group_name != "landing"],
    ids=lambda spec: spec.key.to_user_string(),
)
def test_everything_after_landing_has_to_stay_fresh(spec: dg.AssetSpec) -> None:
    assert spec.freshness_policy is not None


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
