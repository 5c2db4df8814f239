"""What BigQuery alone has: the fence within the script, and the aggregates."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from sync.errors import LeaseLost
from sync.warehouses.bigquery.warehouse import open_bigquery
from tests.conformance.shop import COUNTRY, TABLES, Shop

QUERIES = Path(__file__).parents[2] / "sql" / "bigquery" / "queries"
pytestmark = pytest.mark.parametrize("kit", ["bigquery"], indirect=True)


def test_whoever_lost_the_lease_writes_nothing(shop: Shop) -> None:
    shop.mirror()
    with (
        closing(open_bigquery(shop.kit.url)) as warehouse,
        pytest.raises(LeaseLost),
        warehouse.session("late") as session,
    ):
        shop.kit.execute('UPDATE "sync"."leases" SET "token" = "token" + 1')
        with session.transaction():
            session._own.run(f"DELETE FROM {session._dialect.table(COUNTRY)} WHERE TRUE")
    assert shop.is_equal(TABLES)


def test_the_aggregates_have_every_level(bare: Shop) -> None:
    made = {
        "dim_category": "SELECT 1 AS category_key, 'phones' AS category",
        "dim_country": "SELECT 1 AS country_key, 'Chile' AS country",
        "dim_date": "SELECT 20240101 AS date_key, 2024 AS year",
        "fact_sales": "SELECT 1 AS category_key, 1 AS country_key, 20240101 AS date_key, 12.5 AS amount",
    }
    levels = {
        "sales_grouping_sets": {"category,country", "category", "country", "total"},
        "sales_rollup": {"year,country", "year", "total"},
        "sales_cube": {"year,country", "year", "country", "total"},
    }
    dialect = open_bigquery(bare.kit.url)._dialect
    with closing(dialect.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(dialect.create_schema("star"))
        for name, query in made.items():
            cursor.execute(f"CREATE TABLE {dialect.table(COUNTRY._replace(table=name))} AS {query}")
        for name, expected in levels.items():
            cursor.execute(dialect.spoken((QUERIES / f"{name}.sql").read_text()))
            rows = cursor.fetchall()
            assert {row[0] for row in rows} == expected
            assert {Decimal(row[3]) for row in rows} == {Decimal("12.5")}
