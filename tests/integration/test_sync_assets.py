"""A table declared in one entry, as Dagster shows it."""

from __future__ import annotations

from contextlib import closing

import dagster as dg
import pymysql
import pytest

from softcart_assets.build import build_defs
from softcart_assets.raw import asset_key
from softcart_assets.tables import TABLES
from sync.connections.postgresql import connect_postgresql
from sync.spec import Column, Strategy, Table

SUPPLIERS = Table(
    "suppliers",
    "mysql",
    "shop",
    key=("supplier_id",),
    columns=(
        Column("supplier_id", "bigint", "the supplier's number"),
        Column("contact", "text", "whom to call", mask=True),
        Column("updated_at", "timestamptz", "last change"),
    ),
    strategy=Strategy.WATERMARK,
    cursor="updated_at",
    description="Who delivers.",
)
KEY = dg.AssetKey(["raw", "suppliers"])


@pytest.fixture
def suppliers(shop: pymysql.Connection, platform: dict[str, str]) -> pymysql.Connection:
    with shop.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE suppliers (supplier_id BIGINT PRIMARY KEY, contact VARCHAR(50),"
            " updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))"
        )
        cursor.execute("INSERT INTO suppliers VALUES (1, 'Ann', '2026-01-01'), (2, 'Bob', '2026-01-02')")
    return shop


def execute(job: str) -> dg.ExecuteInProcessResult:
    others = [table for table in TABLES if asset_key(table) != KEY]
    definitions = build_defs((*others, SUPPLIERS))
    result = definitions.resolve_job_def(job).execute_in_process(asset_selection=[KEY])
    assert result.success
    return result


def shown(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_new_table_arrives_with_columns_lineage_figures_and_a_check(
    suppliers: pymysql.Connection, platform: dict[str, str]
) -> None:
    result = execute("sync")
    metadata = shown(result)
    assert metadata["dagster/row_count"] == 2
    assert metadata["strategy"] == "watermark"
    checks = result.get_asset_check_evaluations()
    assert {check.check_name for check in checks} == {"reconciliation", "is_followed", "lag_is_within_bound"}
    assert {(check.asset_key, check.passed) for check in checks} == {(KEY, True)}
    lineage = metadata["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineage)
    assert lineage.deps_by_column["contact"] == [
        dg.TableColumnDep(dg.AssetKey(["shop", "suppliers"]), "contact")
    ]


def test_a_masked_column_never_leaves_the_source(
    suppliers: pymysql.Connection, platform: dict[str, str]
) -> None:
    execute("sync")
    with (
        closing(connect_postgresql(platform["SOFTCART_STAGING_URL"])) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT contact = encode(sha256('Ann'), 'hex') FROM raw.suppliers WHERE supplier_id = 1"
        )
        assert cursor.fetchone() == (True,)


def test_the_thorough_comparison_names_what_differed_and_repairs_it(
    suppliers: pymysql.Connection, platform: dict[str, str]
) -> None:
    execute("sync")
    with (
        closing(connect_postgresql(platform["SOFTCART_STAGING_URL"])) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE raw.suppliers SET contact = 'tampered' WHERE supplier_id = 1")
        cursor.execute("DELETE FROM raw.suppliers WHERE supplier_id = 2")
        metadata = shown(execute("reconcile"))
        assert metadata["differed"] == "1 differs, 2 is missing"
        cursor.execute("SELECT count(*) FROM raw.suppliers WHERE length(contact) = 64")
        assert cursor.fetchone() == (2,)
