"""The workbook of all reports as an asset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from resources.postgresql import PostgreSQLResource
from softcart_assets.dbt.graph import ModelColumn
from softcart_assets.exports.reports import Report
from softcart_assets.exports.workbook import KEY, build_workbook
from tests.integration.sync_support import query

SALES = Report(
    name="sales",
    source="staging",
    schema="reports",
    upstream=dg.AssetKey(["reports", "sales"]),
    description="Sales by country.",
    columns=(ModelColumn("country", "text", "", ()), ModelColumn("total", "numeric", "", ())),
    group_columns=("country",),
    has_tombstones=True,
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_it_is_written_where_a_report_or_the_file_has_changed(
    instance: dg.DagsterInstance, staging: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTCART_EXPORTS", str(tmp_path))
    query(
        staging,
        "CREATE SCHEMA reports; CREATE TABLE reports.sales (country text, total numeric, _deleted boolean)",
    )
    query(
        staging, "INSERT INTO reports.sales VALUES (NULL, 1.50, false), ('Peru', 2, false), ('Iran', 3, true)"
    )

    def made() -> dict[str, Any]:
        resources = {"staging": PostgreSQLResource(url=staging)}
        result = dg.materialize([build_workbook([SALES])], instance=instance, resources=resources)
        (event,) = result.asset_materializations_for_node("export_workbook")
        return {name: value.value for name, value in event.metadata.items()}

    first = made()
    assert (first["changed"], first["sheets"], first["dagster/row_count"]) == (True, {"sales": 2}, 2)
    assert made() == first | {"changed": False}

    path = tmp_path / "reports.xlsx"
    path.write_bytes(path.read_bytes() + b"edited")
    assert made() == first
    path.unlink()
    assert made() == first

    query(staging, "UPDATE reports.sales SET total = 1.5000001 WHERE country IS NULL")
    second = made()
    assert second["changed"]
    assert second["sha256"] != first["sha256"]
    query(staging, "UPDATE reports.sales SET total = 1.50 WHERE country IS NULL")
    assert made() == first
    assert instance.get_latest_materialization_event(KEY)


def test_it_comes_after_reports_of_another_part_and_without_them_where_they_failed(
    instance: dg.DagsterInstance, staging: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTCART_EXPORTS", str(tmp_path))
    made = "CREATE TABLE reports.{} (country text, total numeric, _deleted boolean)"
    query(staging, f"CREATE SCHEMA reports; {made.format('sales')}")
    top = replace(SALES, name="top", upstream=dg.AssetKey(["reports", "top"]), part="search")

    # By its name it would be executed after the workbook.
    @dg.asset(key=top.upstream)
    def z_analysed() -> None:
        if is_broken:
            raise ValueError("Spark is not there")
        query(staging, f"{made.format('top')}; INSERT INTO reports.top VALUES ('Peru', 1, false)")

    def run() -> tuple[bool, dict[str, Any]]:
        resources = {"staging": PostgreSQLResource(url=staging)}
        assets = [build_workbook([SALES, top]), z_analysed]
        result = dg.materialize(assets, instance=instance, resources=resources, raise_on_error=False)
        (event,) = result.asset_materializations_for_node("export_workbook")
        return result.success, {name: value.value for name, value in event.metadata.items()}

    is_broken = True
    succeeded, shown = run()
    assert not succeeded
    assert (shown["sheets"], shown["not_there_yet"]) == ({"sales": 0}, ["top"])
    is_broken = False
    succeeded, shown = run()
    assert succeeded
    assert (shown["sheets"], shown["not_there_yet"]) == ({"sales": 0, "top": 1}, [])
