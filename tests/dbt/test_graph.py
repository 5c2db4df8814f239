"""What is known of the dbt project without running it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from softcart_assets.dbt import loading, manifest, project, runner
from softcart_assets.dbt.graph import Origin, Project
from softcart_assets.dbt.loading import load_project
from softcart_assets.tables import CATALOG, SHOP

ROOT = project.ROOT
# Made of nothing but a constant.
WITHOUT_ORIGIN = {("fact_sales", "origin")}


@pytest.fixture(scope="module")
def star() -> Project:
    return load_project()


def test_every_column_comes_from_somewhere(star: Project) -> None:
    lost = {
        (model.name, column.name) for model in star.models for column in model.columns if not column.origins
    }
    assert lost == WITHOUT_ORIGIN


def test_lineage_names_the_columns_that_a_column_is_made_of(star: Project) -> None:
    columns = {column.name: column.origins for column in star.model("fact_sales").columns}
    assert columns["amount"] == (
        ("raw", "fact_sales", "amount"),
        ("raw", "sales_data", "price"),
        ("raw", "sales_data", "quantity"),
    )
    assert columns["product_key"] == (("star", "dim_product", "product_key"),)


def test_lineage_of_a_report_reaches_the_synced_tables(star: Project) -> None:
    assert {
        ("history", "customers", "country"),
        ("raw", "dim_country", "country"),
    } <= synced_origins(star, ("reports", "sales_cube", "country"))


def synced_origins(star: Project, start: Origin) -> set[Origin]:
    """The columns of raw and history that a column goes back to."""
    built = {(model.schema, model.name): model for model in star.models}
    found, ahead = set(), [start]
    while ahead:
        schema, table, name = ahead.pop()
        if (schema, table) not in built:
            found.add((schema, table, name))
            continue
        [column] = [column for column in built[schema, table].columns if column.name == name]
        ahead += column.origins
    return found


def test_every_test_is_a_check_of_its_own_and_says_what_it_asks(star: Project) -> None:
    checks = [(test.model, test.check) for test in star.tests]
    assert len(checks) == len(set(checks))
    assert [test.name for test in star.tests if not test.description] == []


def test_what_the_data_says_against_itself_does_not_block_where_the_star_is_well_defined(
    star: Project,
) -> None:
    warnings = [test.check for test in star.tests if not test.is_blocking]
    assert warnings == [
        "calendar_contradictions", "order_contradictions", "product_ids_are_unique",
        "sales_are_within_the_calendar", "sales_history_breaks", "sales_history_contradictions",
        "sales_history_gaps",
    ]  # fmt: skip


def test_the_project_is_understood_once_a_version(
    star: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "target_folder", lambda: tmp_path)
    monkeypatch.setattr(runner, "target_folder", lambda: tmp_path)
    for name in list(os.environ):
        if name.startswith(("SOFTCART_", "DBT_", "PG")):
            monkeypatch.delenv(name)
    (tmp_path / "graph.json").write_text("{")  # as a killed process might leave it
    assert load_project() == star
    monkeypatch.setattr(manifest, "compute", lambda: pytest.fail("computed again"))
    assert load_project() == star


def test_derived_files_go_elsewhere_when_the_project_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(project, "ROOT", tmp_path / "file")
    monkeypatch.setattr(project.tempfile, "tempdir", str(tmp_path))
    folder = project.target_folder.__wrapped__()
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700


def test_every_collection_of_the_catalog_is_in_the_product_dimension() -> None:
    settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    assert settings["vars"]["collections"] == [table.name for table in CATALOG]


def test_a_synced_table_has_its_columns_from_its_declaration_alone() -> None:
    synced = {table.name for table in (*SHOP, *CATALOG)}
    declared = yaml.safe_load((ROOT / "models" / "sources.yml").read_text())["sources"]
    twice = [table["name"] for source in declared for table in source["tables"] if table.get("columns")]
    assert not synced & set(twice)


def test_a_column_of_a_synced_table_is_found_by_its_declaration(star: Project) -> None:
    columns = {column.name: column for column in star.model("dim_customer").columns}
    assert columns["email"].origins == (("history", "customers", "email"),)
    assert {"raw", "history"} >= {schema for schema, _, _ in columns["valid_from"].origins}
