"""Production's assets on real servers: the star and the reports in the form that the dbt models give them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from resources.postgresql import PostgreSQLResource
from resources.warehouse import WarehouseResource
from softcart_assets.production import (
    STEP,
    TOTALS,
    MirroredTable,
    build_production_assets,
    production_key,
    production_views,
)
from sync import state
from sync.spec import Column
from sync.systems import open_warehouse
from sync.warehouses.schema import TableName
from tests.integration.mirror.small_star import SmallStar

MODELS = Path(__file__).parents[3] / "sql" / "models"
FACT = TableName("star", "fact_sales")
MEMBERS = """
INSERT INTO star.dim_date (date_key, date, year, quarter, month, _batch, _deleted)
    VALUES (20240131, '2024-01-31', 2024, 1, 1, {batch}, false);
INSERT INTO star.dim_country (country_key, country, _batch, _deleted)
    VALUES (0, 'Unknown', {batch}, false), (1, 'Norway', {batch}, false);
INSERT INTO star.dim_category (category_key, category, _batch, _deleted) VALUES (1, 'Toys', {batch}, false);
INSERT INTO star.dim_product (product_key, product_id, category, valid_from, is_current, is_inferred, _batch,
        _deleted)
    VALUES (1, 17, 'Toys', '1900-01-01', true, false, {batch}, false);
INSERT INTO star.dim_customer (customer_key, customer_id, first_name, last_name, email, country, valid_from,
        is_current, is_inferred, _batch, _deleted)
    VALUES (1, 4711, 'Kari', 'Nordmann', 'kari@example.org', 'Norway', '1900-01-01', true, false, {batch},
        false);
INSERT INTO star.fact_sales (sale_key, origin, source_id, date_key, country_key, category_key, product_key,
        customer_key, quantity, price, amount, _batch, _deleted)
    SELECT i, 'shop', i, 20240131, i % 2, 1, 1, 1, i, 2, 2 * i, {batch}, false FROM generate_series(1, 10) i;
INSERT INTO reports.sales_by_year_country (report_key, year, country, total_sales, sales, _batch, _deleted)
    VALUES (1, 2024, 'Norway', 50, 5, {batch}, false), (2, 2024, 'Unknown', 40, 3, {batch}, false),
        (3, NULL, 'Unknown', 20, 2, {batch}, false);
"""


def models() -> Iterator[dict[str, Any]]:
    for schema in ("star", "reports"):
        for path in sorted((MODELS / schema).glob("*.yml")):
            for model in yaml.safe_load(path.read_text())["models"]:
                yield {**model, "schema": schema}


TABLES = [
    MirroredTable(
        TableName(model["schema"], model["name"]),
        model["description"],
        tuple(
            Column(column["name"], column["data_type"], column["description"]) for column in model["columns"]
        ),
    )
    for model in models()
]


def ddl(model: dict[str, Any]) -> str:
    """The table of a model: its columns, primary key and foreign keys."""
    parts = [f'"{column["name"]}" {column["data_type"]}' for column in model["columns"]]
    for constraint in model["constraints"]:
        columns = ", ".join(constraint["columns"])
        if constraint["type"] == "primary_key":
            parts.append(f"PRIMARY KEY ({columns})")
        elif constraint["type"] == "foreign_key":
            parent = constraint["to"].removeprefix("ref('").removesuffix("')")
            parts.append(f"FOREIGN KEY ({columns}) REFERENCES star.{parent}")
    listed = ", ".join([*parts, "_batch bigint NOT NULL", "_deleted boolean NOT NULL"])
    return f"CREATE TABLE {model['schema']}.{model['name']} ({listed});"


@pytest.fixture
def warehouse(bare: SmallStar) -> SmallStar:
    """The models' tables in staging, with ten sales of two countries."""
    state.prepare(bare.staging, schemas=("star", "reports"))
    bare.change("".join(map(ddl, models())))
    bare.change(MEMBERS)
    return bare


@dg.asset(deps=[production_key(FACT)], name="export")
def export() -> None:
    """Something downstream."""


def run(
    warehouse: SmallStar, compare: bool = False, selection: dg.AssetSelection | None = None
) -> dg.ExecuteInProcessResult:
    staging, production = warehouse.urls
    return dg.materialize(
        [*build_production_assets(TABLES), export],
        selection=selection,
        resources={
            "staging": PostgreSQLResource(url=staging),
            "production": WarehouseResource(url=production),
        },
        run_config={"ops": {STEP: {"config": {"compare": compare}}}},
        raise_on_error=False,
    )


def figures(result: dg.ExecuteInProcessResult, name: TableName) -> dict[str, Any]:
    """The metadata of a table's materialization."""
    (materialization,) = (
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == production_key(name)
    )
    return {name: entry.value for name, entry in materialization.metadata.items()}


def test_a_run_fills_production_and_a_second_one_finds_nothing_to_do(warehouse: SmallStar) -> None:
    first = run(warehouse)
    assert first.success
    assert len(first.get_asset_materialization_events()) == len(TABLES) + 2
    facts = figures(first, FACT)
    assert (facts["dagster/row_count"], facts["inserted"], facts["taken_in"]) == (10, 10, "load")
    assert figures(first, TOTALS)["dagster/row_count"] == 2
    assert warehouse.rows(f"SELECT * FROM {TOTALS} ORDER BY 1") == [("Norway", 50, 5), ("Unknown", 60, 5)]
    second = run(warehouse)
    assert second.success
    assert figures(second, FACT)["taken_in"] == "nothing"
    assert figures(second, FACT)["position_before"] == facts["position_after"]
    assert figures(second, TOTALS)["refreshed"] is False


def test_a_row_changed_in_production_turns_its_check_red_by_name_and_a_comparison_repairs_it(
    warehouse: SmallStar,
) -> None:
    run(warehouse)
    with warehouse.production.cursor() as cursor:
        cursor.execute("UPDATE star.fact_sales SET amount = 0 WHERE sale_key = 4")
        cursor.execute("UPDATE reports.sales_by_year_country SET total_sales = 0 WHERE report_key = 1")
    result = run(warehouse)
    assert not result.success
    red = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert {check.asset_key.to_user_string() for check in red} == {
        "production/fact_sales",
        "production/sales_by_year_country",
        "production/total_sales_per_country",
    }
    named = "star.fact_sales: 1 of 10 rows in production are wrong: sale_key=4 differs"
    (fact,) = (check for check in red if check.asset_key == production_key(FACT))
    found, command = str(fact.description).split(". To repair it: ")
    assert found == named
    assert "export" not in {event.step_key for event in result.get_step_success_events()}
    *_, selection, _option, config = shlex.split(command)
    assert (selection, json.loads(config)) == (
        "production/fact_sales", {"ops": {STEP: {"config": {"compare": True}}}}
    )  # fmt: skip
    assert run(warehouse, compare=True).success
    assert warehouse.rows("SELECT amount FROM star.fact_sales WHERE sale_key = 4") == [(8,)]


def test_one_selected_table_brings_all_and_shows_itself(warehouse: SmallStar) -> None:
    result = run(warehouse, selection=dg.AssetSelection.assets(production_key(FACT)))
    assert result.success
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [production_key(FACT)]
    assert warehouse.rows("SELECT count(*) FROM star.dim_country") == [(2,)]


def test_checks_alone_compare_and_write_nothing(warehouse: SmallStar) -> None:
    checks = dg.AssetSelection.all_asset_checks()
    result = run(warehouse, selection=checks)
    assert {check.description for check in result.get_asset_check_evaluations()} == {
        f"{name}: it is not in production: mirror it first"
        for name in (*(table.name for table in TABLES), TOTALS)
    }
    assert warehouse.rows("SELECT to_regnamespace('star')") == [(None,)]
    run(warehouse)
    assert run(warehouse, selection=checks).success


def test_a_table_that_was_not_built_yet_fails_the_step_by_name(bare: SmallStar) -> None:
    state.prepare(bare.staging, schemas=())
    result = run(bare)
    assert not result.success
    (failure,) = (event for event in result.all_events if event.is_step_failure)
    assert "is not in staging: build it before it is mirrored" in str(
        failure.step_failure_data.user_failure_data
    )


def test_reports_of_another_step_that_failed_keep_nothing_else_from_production(
    warehouse: SmallStar,
) -> None:
    parts = {TABLES[-1]: "search", TABLES[-2]: "forecast"}
    tables = [replace(table, part=parts.get(table, "")) for table in TABLES]
    last = tables[-1].name
    view = f"bi.{last.table}"

    @dg.asset(key=[*last])
    def analysed() -> None:
        if is_broken:
            raise ValueError("Spark is not there")

    def build() -> dg.ExecuteInProcessResult:
        staging, production = warehouse.urls
        return dg.materialize(
            [*build_production_assets(tables), analysed],
            resources={
                "staging": PostgreSQLResource(url=staging),
                "production": WarehouseResource(url=production),
            },
            raise_on_error=False,
        )

    is_broken = True
    warehouse.change(f"ALTER TABLE {last} RENAME TO not_yet")
    first = build()
    assert not first.success
    assert figures(first, FACT)["dagster/row_count"] == 10
    assert warehouse.rows(f"SELECT to_regclass('{last}'), to_regclass('{view}')") == [(None, None)]
    is_broken = False
    warehouse.change(f"ALTER TABLE {last.schema}.not_yet RENAME TO {last.table}")
    assert build().success
    assert warehouse.rows(f"SELECT count(*) FROM {view}") == [(0,)]
    assert build().success
    made = warehouse.rows(f"SELECT '{view}'::regclass::oid, 'bi.sales'::regclass::oid")
    is_broken = True
    warehouse.change("UPDATE star.fact_sales SET amount = 1, _batch = {batch} WHERE sale_key = 4")
    third = build()
    assert not third.success
    assert figures(third, FACT)["updated"] == 1
    assert warehouse.rows(f"SELECT '{view}'::regclass::oid, 'bi.sales'::regclass::oid") == made


def test_readers_see_sales_with_their_dimensions_and_no_personal_data(warehouse: SmallStar) -> None:
    run(warehouse)
    assert warehouse.rows(
        "SELECT date, country, category, product_id, customer_id, amount FROM bi.sales WHERE sale_key = 3"
    ) == [(date(2024, 1, 31), "Norway", "Toys", 17, 4711, 6)]
    columns = {
        name
        for (name,) in warehouse.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'bi'"
        )
    }
    assert not columns & {"first_name", "last_name", "email"}
    assert warehouse.rows("SELECT customer_id FROM bi.customers") == [(4711,)]
    assert warehouse.rows("SELECT product_id FROM bi.products") == [(17,)]
    assert {f"bi.{table.name.table}" for table in TABLES if table.name.schema == "reports"} <= {
        str(view.name)
        for view in production_views(TABLES, open_warehouse("postgresql://nowhere.example/none"))
    }


def test_every_asset_has_owner_kind_description_columns_and_their_lineage() -> None:
    (assets,) = build_production_assets(TABLES)
    assert len(list(assets.specs)) == len(TABLES) + 1
    for spec in assets.specs:
        assert spec.owners and spec.kinds and spec.description and spec.group_name == "production"
        assert spec.metadata["dagster/table_name"]
        columns = [column.name for column in spec.metadata["dagster/column_schema"].columns]
        assert columns and not any(name.startswith("_") for name in columns)
        assert list(spec.metadata["dagster/column_lineage"].deps_by_column) == columns
        assert all(column.description for column in spec.metadata["dagster/column_schema"].columns)
