"""Db2's SQL is executed by HSQLDB in its Db2 mode, and finds the rows that the models find in PostgreSQL."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
import pytest

from softcart_assets.production import SQL
from stack.cluster import Cluster
from sync.connections.postgresql import connect_postgresql
from tests.integration.mirror.hsqldb import Hsqldb, hsqldb, insert

SALES_BY_DAY = """(
    SELECT date_key, country_key, category_key, sum(amount) AS amount, count(amount) AS amounts,
        count(sale_key) AS sales, false AS _deleted
    FROM star.fact_sales WHERE NOT _deleted GROUP BY date_key, country_key, category_key
)"""
REPORTS = sorted((SQL / "db2" / "reports").glob("*.sql"))
VIEWS = sorted((SQL / "postgresql" / "production").rglob("*.sql"))  # Db2 has none of its own
# Columns of the star, by table, as far as the reports and views read them; both systems take these types.
STAR = {
    "dim_date": "date_key integer, date date, year integer, quarter integer, month integer,"
    " month_name varchar(20), weekday_name varchar(20)",
    "dim_country": "country_key bigint, country varchar(200)",
    "dim_category": "category_key bigint, category varchar(200)",
    "dim_product": "product_key bigint, product_id bigint, catalog_id varchar(200), type varchar(200),"
    " model varchar(200), category varchar(200), price decimal(12,2), valid_from timestamp,"
    " is_current boolean, is_inferred boolean",
    "dim_customer": "customer_key bigint, customer_id bigint, city varchar(200), country varchar(200),"
    " valid_from timestamp, is_current boolean, is_inferred boolean",
    "fact_sales": "sale_key decimal(20,0), origin varchar(20), date_key integer, country_key bigint,"
    " category_key bigint, product_key bigint, customer_key bigint, sold_at timestamp, quantity integer,"
    " price decimal(12,2), amount decimal(22,2)",
}
# The report that the totals sum.
BY_YEAR = "reports.sales_by_year_country"
BY_YEAR_COLUMNS = "year integer, country varchar(200), total_sales decimal(24,2), sales bigint"
BY_YEAR_ROWS = [
    (2020, "Åland", Decimal("50.25"), 4),
    (2021, "Åland", Decimal("-20.00"), 2),
    (2021, "Nowhere", Decimal("0.00"), 3),
    (None, "Unknown", Decimal("7.10"), 1),
]


def star() -> dict[str, list[tuple[Any, ...]]]:
    """Two years of sales: with unknown members, without amounts, returned, and a country of such alone."""
    choose, moment = random.Random(7), "2020-05-01 12:00:00"
    days = [(0, None, None, None, None, None, None)]
    days += [
        (key, f"{year}-{month:02d}-15", year, (month + 2) // 3, month, f"month {month}", "Monday")
        for year in (2020, 2021)
        for month in (1, 4, 12)
        for key in [year * 10000 + month * 100 + 15]
    ]
    countries = [(0, "Unknown"), (1, "Côte d'Ivoire"), (2, "Åland"), (3, "Nowhere")]
    categories = [(0, "Unknown"), (1, "Books"), (2, "Toys")]
    sales = []
    for number in range(400):
        country = choose.randrange(4)
        known = country != 3 and choose.random() < 0.9
        amount = Decimal(choose.randrange(-5000, 900000)) / 100 if known else None
        sales.append(
            (number, "shop", choose.choice(days)[0], country, choose.randrange(3), choose.randrange(2),
             choose.randrange(2), moment, choose.randrange(9), None, amount)
        )  # fmt: skip
    return {
        "dim_date": days,
        "dim_country": countries,
        "dim_category": categories,
        "dim_product": [
            (0, None, None, None, None, "Unknown", None, moment, True, False),
            (1, 17, "toys 1", "toy", "A 'model'", "Toys", Decimal("1.50"), moment, True, False),
            (2, 17, "toys 1", "toy", "Before", "Toys", Decimal("1.00"), moment, False, False),
        ],
        "dim_customer": [
            (0, None, None, "Unknown", moment, True, False),
            (1, 4711, "Köln", "Germany", moment, True, True),
        ],
        "fact_sales": sales,
    }


@pytest.fixture(scope="module")
def db2(stack: Cluster) -> Iterator[Hsqldb]:
    with hsqldb(stack.home) as database:
        database.run("CREATE SCHEMA star")
        for table, columns in STAR.items():
            database.run(f"CREATE TABLE star.{table} ({columns})")
            database.run(insert(f"star.{table}", star()[table]))
        database.run("CREATE SCHEMA reports")
        database.run(f"CREATE TABLE {BY_YEAR} ({BY_YEAR_COLUMNS})")
        database.run(insert(BY_YEAR, BY_YEAR_ROWS))
        yield database


def in_postgresql(url: str, query: str) -> Counter[tuple[Any, ...]]:
    with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA star")
        for table, columns in STAR.items():
            cursor.execute(f"CREATE TABLE star.{table} ({columns}, _deleted boolean DEFAULT false)")
            cursor.execute(insert(f"star.{table}", star()[table]))
        cursor.execute("CREATE SCHEMA reports")
        cursor.execute(f"CREATE TABLE {BY_YEAR} ({BY_YEAR_COLUMNS})")
        cursor.execute(insert(BY_YEAR, BY_YEAR_ROWS))
        cursor.execute(query)
        return Counter(tuple(map(_comparable, row)) for row in cursor.fetchall())


def _comparable(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    return Decimal(value) if isinstance(value, (int, Decimal)) else str(value)


def comparable_in_db2(rows: list[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    """Java writes a time with a fraction of a second."""
    return Counter(
        tuple(value.removesuffix(".0") if isinstance(value, str) else value for value in row) for row in rows
    )


def table_of(model: str) -> str:
    """The model's table; the aggregate that the reports read is only in staging."""
    return SALES_BY_DAY if model == "sales_by_day" else f"star.{model}"


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.stem)
def test_a_report_on_db2_has_the_rows_of_its_model(db2: Hsqldb, production: str, report: Path) -> None:
    model = (SQL / "models" / "reports" / report.name).read_text()
    # Only the key of a row, which is PostgreSQL's own, is left out.
    query = jinja2.Template(model).render(ref=table_of, surrogate_key=lambda parts: "0")
    expected = in_postgresql(production, query)
    found = comparable_in_db2(db2.rows(report.read_text()))
    assert len(found) > 3
    assert found == Counter({row[1:]: number for row, number in expected.items()})


@pytest.mark.parametrize("view", VIEWS, ids=lambda path: path.stem)
def test_a_view_shows_on_db2_what_it_shows_on_postgresql(db2: Hsqldb, production: str, view: Path) -> None:
    found = comparable_in_db2(db2.rows(view.read_text()))
    assert found
    assert found == in_postgresql(production, view.read_text())
