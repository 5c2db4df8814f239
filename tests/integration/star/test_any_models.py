"""dbt models that know nothing of the platform: plain tables, views, incremental models, seeds, snapshots."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import dagster as dg
import pytest

from resources.postgresql import PostgreSQLResource
from softcart_assets.build import mirrored
from softcart_assets.dbt import compiled, graph, loading, project, runner
from softcart_assets.dbt.assets import build_dbt_assets
from softcart_assets.dbt.graph import Project
from softcart_assets.dbt.loading import load_project
from softcart_assets.dbt.specs import model_key
from softcart_assets.dbt.state import stale_models
from tests.integration.star.staging import Staging, day

UNIT_TEST = "it_takes_more_than_a_hundred"
FILES = {
    "seeds/regions.csv": "country,region\nSpain,Europe\nPeru,America\n",
    "models/mine/spending.sql": """
        {{ config(materialized='table') }}
        select customer_id, sum(price * quantity) as spent, count(*) as sales
        from {{ source('raw', 'sales_data') }} where not _deleted group by customer_id
    """,
    # A folder's model that says nothing at all is a view.
    "models/mine/spending/big_spenders.sql": "select * from {{ ref('spending') }} where spent > 100",
    "models/mine/sales_seen.sql": """
        {{ config(materialized='incremental', unique_key='rowid') }}
        select rowid, price, _batch as batch from {{ source('raw', 'sales_data') }}
        {% if is_incremental() %} where _batch > (select max(batch) from {{ this }}) {% endif %}
    """,
    "models/mine/homes.sql": """
        {{ config(materialized='ephemeral') }}
        select customer_id, region
        from {{ source('shop', 'customers') }} join {{ ref('regions') }} using (country)
    """,
    "models/mine/by_region.sql": """
        {{ config(materialized='table', alias='spending_by_region') }}
        select region, sum(spent) as spent
        from {{ ref('homes') }} join {{ ref('spending') }} using (customer_id)
        group by region
    """,
    # A pass that needs the database to be compiled has no lineage, and runs.
    "models/mine/looked_up.sql": """
        {% set found = run_query('select 7 as n') %}
        select {{ found.rows[0]['n'] if found else 0 }} as n
    """,
    "models/mine/followed.sql": """
        {{ config(materialized='tracked') }}
        select customer_id, spent from {{ ref('big_spenders') }}
    """,
    # A report is one file.
    "models/reports/sales_by_weekday.sql": """
        -- Sales by day of the week.
        {{ config(meta={'group_columns': ['weekday', 'weekday_name']}) }}
        select
            {{ surrogate_key(['calendar.weekday', 'calendar.weekday_name']) }} as report_key,
            calendar.weekday,
            calendar.weekday_name,
            sum(sale.amount)::numeric(24,2) as total_sales,
            count(*) as sales
        from {{ ref('fact_sales') }} as sale
        inner join {{ ref('dim_date') }} as calendar on calendar.date_key = sale.date_key
        where not sale._deleted
        group by calendar.weekday, calendar.weekday_name
    """,
    "models/mine/mine.yml": """
        sources:
          - name: shop
            schema: raw
            tables: [{name: customers, columns: [{name: customer_id}, {name: country}]}]
        models:
          - name: followed
            description: Follows a view.
            columns: [{name: customer_id, data_type: bigint}, {name: spent, data_type: numeric}]
            constraints: [{type: primary_key, columns: [customer_id]}]
          - name: spending
            columns:
              - name: customer_id
                description: Who
                data_tests: [unique, not_null: {config: {where: spent > 0}}]
              - name: sales
                data_tests:
                  - accepted_values: {arguments: {values: [1, 2], quote: false}}
                  - accepted_values:
                      name: one_sale_at_most
                      arguments: {values: [1], quote: false}
                      config: {error_if: '>5', warn_if: '>0'}
          - name: by_region
            columns:
              - name: region
                data_tests: [relationships: {arguments: {to: ref('regions'), field: region}}]
        unit_tests:
          - name: it_takes_more_than_a_hundred
            model: big_spenders
            given:
              - input: ref('spending')
                rows: [{customer_id: 1, spent: 100}, {customer_id: 2, spent: 101}]
            expect: {rows: [{customer_id: 2, spent: 101}]}
    """,
    "snapshots/customers_seen.yml": """
        snapshots:
          - name: customers_seen
            relation: source('shop', 'customers')
            config: {unique_key: customer_id, strategy: check, check_cols: [country]}
    """,
    "tests/nobody_gives_back.sql": "select * from {{ ref('spending') }} where spent < 0",
}
TABLE = "select t::text as row from {} as t order by 1"


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The project with these files in it."""
    root = tmp_path_factory.mktemp("any") / "sql"
    shutil.copytree(project.ROOT, root, ignore=shutil.ignore_patterns("target"))
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip())
    target = tmp_path_factory.mktemp("target")
    with pytest.MonkeyPatch.context() as patch:
        for module in (project, runner):
            patch.setattr(module, "ROOT", root)
        for module in (loading, compiled, runner):
            patch.setattr(module, "target_folder", lambda: target)
        loaded = load_project()
        assert load_project() == loaded
        yield loaded


def run(warehouse: Staging, added: Project, *names: str) -> dg.ExecuteInProcessResult:
    """A run of the named models, or of all that were added, that succeeds."""
    result = materialize(warehouse, added, *names)
    assert result.success, why(result)
    return result


def materialize(warehouse: Staging, added: Project, *names: str) -> dg.ExecuteInProcessResult:
    """A run of the named models, or of all that were added."""
    keys = [
        model_key(model) for model in added.models if (not names and is_mine(model)) or model.name in names
    ]
    return dg.materialize(
        build_dbt_assets(added),
        resources={"staging": PostgreSQLResource(url=warehouse.url)},
        selection=keys,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )


def is_mine(model: graph.Model) -> bool:
    return model.schema in ("models", "seeds", "snapshots")


def figures(result: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, dg.MetadataValue]]:
    events = result.asset_materializations_for_node("dbt")
    return {event.asset_key.path[-1]: event.metadata for event in events}


def why(result: dg.ExecuteInProcessResult) -> list[str]:
    failures = result.filter_events(lambda event: event.is_step_failure)
    return [
        str(event.step_failure_data.user_failure_data or event.step_failure_data.error) for event in failures
    ]


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    return {
        check.check_name: (check.passed, check.severity.name)
        for check in result.get_asset_check_evaluations()
    }


def rows(warehouse: Staging, table: str) -> list[str]:
    return [row["row"] for row in warehouse.rows(TABLE.format(table))]


def sell(warehouse: Staging, rowid: int, price: int, customer: int = 1) -> None:
    sale = {"customer_id": customer, "product_id": 1, "price": price, "quantity": 1, "timestamp": day(rowid)}
    warehouse.put("sales_data", rowid=rowid, **sale)


@pytest.fixture
def shop(warehouse: Staging) -> Staging:
    for schema in ("models", "seeds", "snapshots"):
        warehouse.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    warehouse.put("customers", customer_id=1, country="Spain")
    warehouse.put("customers", customer_id=2, country="Peru")
    sell(warehouse, 1, 90)
    sell(warehouse, 2, 20)
    sell(warehouse, 3, 7, customer=2)
    return warehouse


def test_they_are_assets_with_their_tests_and_lineage_where_it_is_to_be_had(added: Project) -> None:
    mine = {model.name: model for model in added.models if is_mine(model)}
    assert {name: model.materialized for name, model in mine.items()} == {
        "regions": "seed", "spending": "table", "big_spenders": "view", "sales_seen": "incremental",
        "spending_by_region": "table", "looked_up": "view", "followed": "tracked",
        "customers_seen": "snapshot",
    }  # fmt: skip
    origins = {
        f"{model.name}.{column.name}": [".".join(origin) for origin in column.origins]
        for model in mine.values()
        for column in model.columns
    }
    assert origins["spending.spent"] == ["raw.sales_data.price", "raw.sales_data.quantity"]
    assert origins["big_spenders.sales"] == ["models.spending.sales"]
    assert origins["spending_by_region.region"] == ["seeds.regions.region"]
    assert origins["sales_seen.rowid"] == ["raw.sales_data.rowid"]
    assert origins["customers_seen.country"] == ["raw.customers.country"]
    assert mine["looked_up"].columns == ()
    assert mine["spending_by_region"].inputs == (
        ("models", "spending"), ("raw", "customers"), ("seeds", "regions"),
    )  # fmt: skip
    assert sorted(f"{test.model} {test.check}" for test in added.tests if test.model in mine) == [
        "big_spenders it_takes_more_than_a_hundred", "spending accepted_values_sales",
        "spending nobody_gives_back", "spending not_null_customer_id", "spending one_sale_at_most",
        "spending unique_customer_id", "spending_by_region relationships_region",
    ]  # fmt: skip
    # What has neither key nor batches is not for production; a table that is followed is.
    assert [table.name.table for table in mirrored(added) if table.name.table in mine] == ["followed"]


def test_they_are_built_and_tested_and_left_alone_while_nothing_changes(
    shop: Staging, added: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(shop, added)
    assert rows(shop, "models.spending") == ["(1,110.00,2)", "(2,7.00,1)"]
    assert rows(shop, "models.big_spenders") == ["(1,110.00,2)"]
    assert rows(shop, "models.spending_by_region") == ["(America,7.00)", "(Europe,110.00)"]
    assert rows(shop, "models.looked_up") == ["(7)"]
    assert len(rows(shop, "snapshots.customers_seen")) == 2
    assert figures(first)["regions"]["dagster/row_count"].value == 2
    assert "dagster/row_count" not in figures(first)["big_spenders"]
    assert checks(first) == {
        "accepted_values_sales": (True, "ERROR"),
        UNIT_TEST: (True, "ERROR"),
        "nobody_gives_back": (True, "ERROR"),
        "not_null_customer_id": (True, "ERROR"),
        "one_sale_at_most": (False, "WARN"),
        "relationships_region": (True, "ERROR"),
        "unique_customer_id": (True, "ERROR"),
    }
    columns = {
        column.name: column.type
        for column in figures(first)["spending"]["dagster/column_schema"].schema.columns
    }
    assert columns == {"customer_id": "bigint", "spent": "numeric", "sales": "bigint"}

    before = shop.rows("SELECT model, batch, built_at FROM sync.models ORDER BY model")
    second = run(shop, added)
    assert checks(second) == checks(first)
    assert set(figures(second)) == set(figures(first))
    assert shop.rows("SELECT model, batch, built_at FROM sync.models ORDER BY model") == before
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "build", lambda *_: pytest.fail("dbt was run"))
        run(shop, added, "big_spenders", "regions", "followed")


def test_what_is_behind_a_change_is_built_and_nothing_else(shop: Staging, added: Project) -> None:
    run(shop, added)
    built = "SELECT model, batch FROM sync.models"
    before = {row["model"]: row["batch"] for row in shop.rows(built)}
    sell(shop, 4, 200, customer=2)
    mine = [model for model in added.models if model.name in before]
    version = shop.value("SELECT DISTINCT version FROM sync.models")
    stale = {model.name for model in stale_models(shop.connection, mine, version)}
    assert stale == {"spending", "sales_seen"}
    run(shop, added)
    after = {row["model"]: row["batch"] for row in shop.rows(built)}
    unchanged = {"regions", "customers_seen", "looked_up"}
    assert {name for name in after if after[name] == before[name]} == unchanged
    # The view's own rows say nothing of when they changed; what it reads does.
    assert rows(shop, "(SELECT customer_id, spent, _deleted FROM models.followed)") == [
        "(1,110.00,f)", "(2,207.00,f)"
    ]  # fmt: skip
    assert len(rows(shop, "models.sales_seen")) == 4
    assert stale_models(shop.connection, mine, version) == []

    shop.put("customers", day(1), customer_id=1, country="Peru")
    run(shop, added)
    assert rows(shop, "models.spending_by_region") == ["(America,317.00)"]
    assert len(rows(shop, "snapshots.customers_seen")) == 3


def test_a_failed_test_of_theirs_holds_back_what_reads_them(shop: Staging, added: Project) -> None:
    run(shop, added)
    sell(shop, 4, -500, customer=2)
    result = materialize(shop, added)
    assert not result.success
    assert checks(result)["nobody_gives_back"] == (False, "ERROR")
    assert not {"followed", "spending_by_region"} & set(figures(result))
    assert rows(shop, "models.spending_by_region") == ["(America,7.00)", "(Europe,110.00)"]
    audited = "SELECT batch = audited_batch AS passed FROM sync.models WHERE model = %s"
    assert shop.value(audited, ["spending"]) is False
    assert shop.value(audited, ["regions"]) is True


def test_a_report_needs_no_more_than_its_query(shop: Staging, added: Project) -> None:
    star = ("dim_date", "dim_category", "dim_country", "dim_product", "dim_customer", "fact_sales")
    run(shop, added, *star, "sales_by_weekday")
    columns = "SELECT weekday_name, total_sales, sales, _deleted FROM reports.sales_by_weekday"
    assert rows(shop, f"({columns})") == ["(Friday,20.00,1,f)", "(Saturday,7.00,1,f)", "(Thursday,90.00,1,f)"]
    key = (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'"
    )
    assert shop.value(key, ["reports.sales_by_weekday"]) == "PRIMARY KEY (report_key)"
    (report,) = [table for table in mirrored(added) if table.name.table == "sales_by_weekday"]
    assert report.description == "Sales by day of the week."
    shop.remove("sales_data", 2, day(9))
    run(shop, added, *star, "sales_by_weekday")
    assert rows(shop, f"({columns})")[0] == "(Friday,20.00,1,t)"
