"""Tables that somebody else made are adopted: merged by key, the shared columns alone, nothing altered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pymysql
import pytest

from sync import table_pass
from sync.errors import SyncError
from sync.passes import Compare
from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Deletes, Strategy, Table
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection
SALES = Table(
    "sales_data", "mysql", "shop", ("rowid",), schema="sales", target="production",
    columns=(
        Column("rowid", "bigint"), Column("product_id", "bigint"), Column("customer_id", "bigint"),
        Column("quantity", "integer"),
    ),
    deletes=Deletes.IGNORE, adopt=True,
)  # fmt: skip
SHAPE = (
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
    " WHERE attrelid = 'sales.sales_data'::regclass AND attnum > 0 ORDER BY attnum"
)


@pytest.fixture
def pipeline(shop: Shop, urls: dict[str, str], production: str) -> Iterator[Pipeline]:
    with shop.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE sales_data (rowid INT PRIMARY KEY, product_id INT, customer_id INT, quantity INT)"
        )
        cursor.execute("INSERT INTO sales_data VALUES (1, 10, 100, 1), (2, 20, 200, 2), (3, 30, 300, 3)")
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, production)


@pytest.fixture
def theirs(pipeline: Pipeline) -> Pipeline:
    """A table with prices that the source does not have, a row that only it has, and no index at all."""
    pipeline.query(
        "CREATE SCHEMA sales;"
        " CREATE TABLE sales.sales_data (rowid bigint, product_id integer, quantity bigint,"
        ' price numeric DEFAULT 9.99, "timestamp" timestamp DEFAULT now(), id serial);'
        " INSERT INTO sales.sales_data VALUES (1, 10, 1, 5.5, '2020-01-01'), (2, 99, 2, 7, '2020-01-02'),"
        " (77, 7, 7, 7, '2020-01-07')"
    )
    return pipeline


def test_shared_columns_are_merged_and_all_else_is_left_alone(theirs: Pipeline) -> None:
    shape = theirs.query(SHAPE)
    result = theirs.run(SALES)

    assert (result.read, result.inserted, result.updated, result.deleted, result.rows) == (3, 1, 1, 0, 4)
    rows = 'SELECT rowid, product_id, quantity, price, "timestamp"::text FROM sales.sales_data ORDER BY rowid'
    assert theirs.query(rows) == [
        (1, 10, 1, Decimal("5.5"), "2020-01-01 00:00:00"),
        (2, 20, 2, Decimal("7"), "2020-01-02 00:00:00"),
        (3, 30, 3, None, None),
        (77, 7, 7, Decimal("7"), "2020-01-07 00:00:00"),
    ]
    assert theirs.query("SELECT count(id), count(DISTINCT id) FROM sales.sales_data") == [(4, 4)]
    assert theirs.query(SHAPE) == shape
    assert theirs.query("SELECT batch, rows FROM sync.tables") == [(1, 4)]


def test_a_second_pass_writes_nothing_and_a_delete_in_the_source_is_ignored(
    theirs: Pipeline, shop: Shop
) -> None:
    theirs.run(SALES)
    with shop.cursor() as cursor:
        cursor.execute("DELETE FROM sales_data WHERE rowid = 3")
    written = "SELECT array_agg(xmin::text ORDER BY rowid) FROM sales.sales_data"
    before = theirs.query(written)
    assert theirs.run(SALES).changed == 0
    assert theirs.query(written) == before


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_pass, "ADOPTED_ROWS", 3)


@pytest.mark.usefixtures("large")
def test_a_large_table_takes_what_the_log_names_and_a_comparison_finds_the_rest(
    theirs: Pipeline, shop: Shop
) -> None:
    logged = replace(SALES, strategy=Strategy.LOG)
    theirs.run(SALES)  # as an earlier release declared it
    assert theirs.run(logged).compared
    execute(
        shop,
        "UPDATE sales_data SET quantity = 20 WHERE rowid = 2",
        "DELETE FROM sales_data WHERE rowid = 3",
        "INSERT INTO sales_data VALUES (4, 40, 400, 4)",
    )
    theirs.query("UPDATE sales.sales_data SET quantity = 99 WHERE rowid = 1")
    result = theirs.run(logged)
    assert (result.read, result.inserted, result.updated, result.deleted, result.rows) == (2, 1, 1, 0, 5)
    assert theirs.run(logged).read == 0
    rows = "SELECT rowid, quantity, price FROM sales.sales_data ORDER BY rowid"
    assert theirs.query(rows) == [
        (1, 99, Decimal("5.5")),
        (2, 20, Decimal("7")),
        (3, 3, None),
        (4, 4, None),
        (77, 7, Decimal("7")),
    ]
    assert theirs.run(logged, compare=Compare.ALL).updated == 1
    assert theirs.query(rows)[0] == (1, 1, Decimal("5.5"))


def test_a_small_table_is_compared_by_each_pass(theirs: Pipeline) -> None:
    logged = replace(SALES, strategy=Strategy.LOG)
    theirs.run(logged)
    theirs.query("UPDATE sales.sales_data SET quantity = 99 WHERE rowid = 1")
    assert theirs.run(logged).updated == 1
    assert theirs.query("SELECT quantity FROM sales.sales_data WHERE rowid = 1") == [(1,)]


def test_a_table_that_is_not_there_is_made_with_the_sources_columns_alone(pipeline: Pipeline) -> None:
    assert pipeline.run(SALES).inserted == 3
    assert [name for name, _ in pipeline.query(SHAPE)] == ["rowid", "product_id", "customer_id", "quantity"]
    assert pipeline.run(SALES).changed == 0


def test_the_adopted_tables_types_count(theirs: Pipeline, shop: Shop) -> None:
    with shop.cursor() as cursor:
        cursor.execute("ALTER TABLE sales_data MODIFY product_id BIGINT")
        cursor.execute("UPDATE sales_data SET product_id = 3000000000 WHERE rowid = 1")
    result = theirs.run(SALES)
    assert (result.inserted, result.updated, result.quarantined) == (1, 1, 1)
    assert theirs.query("SELECT product_id FROM sales.sales_data WHERE rowid = 1") == [(10,)]


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("ALTER TABLE sales.sales_data RENAME rowid TO sale", "no column 'rowid' to merge by"),
        ("ALTER TABLE sales.sales_data ALTER price SET NOT NULL", "column 'price' takes no NULL"),
        ("ALTER TABLE sales.sales_data ALTER quantity TYPE real", "no exact form in real"),
    ],
)
def test_a_table_that_cannot_be_adopted_is_refused_by_name(
    theirs: Pipeline, statement: str, complaint: str
) -> None:
    theirs.query(statement)
    with pytest.raises(SyncError, match=complaint):
        theirs.run(SALES)
    assert theirs.query("SELECT count(*) FROM sales.sales_data") == [(3,)]


@pytest.mark.parametrize(
    "constraint", ["CHECK (quantity < 3)", "UNIQUE (quantity)", "EXCLUDE USING btree (quantity WITH =)"]
)
def test_a_row_that_breaks_a_constraint_of_theirs_is_refused_with_the_way_out(
    constraint: str, theirs: Pipeline, shop: Shop
) -> None:
    theirs.query(f"DELETE FROM sales.sales_data; ALTER TABLE sales.sales_data ADD {constraint}")
    execute(shop, "UPDATE sales_data SET quantity = 3")
    with pytest.raises(SyncError, match=r"sales\.sales_data in .*constraint.*mend the row in the source, or"):
        theirs.run(SALES)
    assert theirs.query("SELECT count(*) FROM sales.sales_data") == [(0,)]
