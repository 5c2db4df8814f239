"""The aggregates of `sql/aggregates`, which these systems read as they are, have every level."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from sync.warehouses.schema import TableName
from tests.conformance.shop import Shop

QUERIES = Path(__file__).parents[2] / "sql" / "aggregates"
STAR = {
    "dim_category": "SELECT 1 AS category_key, 'phones' AS category",
    "dim_country": "SELECT 1 AS country_key, 'Chile' AS country",
    "dim_date": "SELECT 20240101 AS date_key, 2024 AS year",
    "fact_sales": "SELECT 1 AS category_key, 1 AS country_key, 20240101 AS date_key, 12.5 AS amount",
}
LEVELS = {
    "sales_grouping_sets": {"category,country", "category", "country", "total"},
    "sales_rollup": {"year,country", "year", "total"},
    "sales_cube": {"year,country", "year", "country", "total"},
}
pytestmark = pytest.mark.parametrize(
    "kit", ["bigquery", "postgresql", "redshift", "snowflake"], indirect=True
)


def test_the_aggregates_have_every_level(bare: Shop) -> None:
    bare.kit.execute("CREATE SCHEMA star")
    for name, query in STAR.items():
        bare.kit.execute(f"CREATE TABLE {bare.kit.table(TableName('star', name))} AS {query}")
    with closing(bare.kit.open()) as warehouse, warehouse.reader() as reader:
        for name, expected in LEVELS.items():
            _, rows = reader.query((QUERIES / f"{name}.sql").read_text())
            assert {row[0] for row in rows} == expected
            assert {Decimal(str(row[3])) for row in rows} == {Decimal("12.5")}
