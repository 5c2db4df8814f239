"""Keys of a MySQL table, a table without one, and a table or server that is not there."""

from __future__ import annotations

from dataclasses import replace

import pymysql
import pytest

from sync.errors import SyncError, TransientError
from sync.passes import Compare
from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Deletes, Strategy, Table
from tests.integration.sales import SALES
from tests.integration.sync_support import TABLE_STRATEGIES, Pipeline, execute

Shop = pymysql.Connection


def test_keys_compare_by_bytes_whatever_the_collation_says(pipeline: Pipeline, shop: Shop) -> None:
    execute(
        shop,
        "CREATE TABLE words (word VARCHAR(20) COLLATE utf8mb4_general_ci, lang CHAR(2), n INT,"
        " PRIMARY KEY (word, lang))",
        "INSERT INTO words VALUES ('abc', 'en', 1), ('abc ', 'de', 2), ('ÄÖ', 'de', 3)",
    )
    table = Table("words", "mysql", "shop", key=("word", "lang"))
    pipeline.run(table)
    execute(shop, "UPDATE words SET word = 'ABC' WHERE lang = 'en'")
    result = pipeline.run(table)
    assert (result.inserted, result.updated, result.deleted) == (1, 0, 1)
    live = "SELECT word, lang, n FROM raw.words WHERE NOT _deleted ORDER BY n"
    assert pipeline.query(live) == [("ABC", "en", 1), ("abc ", "de", 2), ("ÄÖ", "de", 3)]


def test_a_table_without_a_key_is_compared_as_a_multiset_of_rows(pipeline: Pipeline, shop: Shop) -> None:
    execute(
        shop,
        "CREATE TABLE clicks (page VARCHAR(20), n INT, hash INT)",
        "INSERT INTO clicks (page, n) VALUES ('a', 1), ('a', 1), ('a', 1), ('b', NULL), ('b', NULL)",
    )
    table = Table("clicks", "mysql", "shop", key=())
    assert pipeline.run(table).inserted == 5
    assert pipeline.run(table).changed == 0
    execute(
        shop,
        "DELETE FROM clicks WHERE page = 'a' LIMIT 1",
        "INSERT INTO clicks VALUES ('b', NULL, NULL), ('c', 3, 7)",
    )
    result = pipeline.run(table)
    assert (result.inserted, result.updated, result.deleted) == (2, 0, 1)
    live = "SELECT page, n, count(*) FROM raw.clicks WHERE NOT _deleted GROUP BY 1, 2 ORDER BY 1"
    assert pipeline.query(live) == [("a", 1, 2), ("b", None, 3), ("c", 3, 1)]


def test_a_key_that_is_not_unique_is_named_and_nothing_is_written(pipeline: Pipeline, sales: Shop) -> None:
    by_note = Table(
        "sales_data", "mysql", "shop", ("price",),
        columns=(Column("price", "numeric(12,2)"), Column("note", "text")),
    )  # fmt: skip
    execute(sales, "UPDATE sales_data SET price = 1")
    with pytest.raises(SyncError, match=r"shows a key \(price\) twice"):
        pipeline.run(by_note)
    execute(sales, "UPDATE sales_data SET price = rowid")
    pipeline.run(by_note)
    execute(sales, "UPDATE sales_data SET price = 3, note = '' WHERE rowid = 2")
    with pytest.raises(SyncError, match=r"shows a key \(price\) twice"):
        pipeline.run(by_note)
    assert pipeline.query("SELECT price FROM raw.sales_data ORDER BY 1") == [(1,), (2,), (3,)]


def test_a_table_that_is_not_there_is_named(pipeline: Pipeline) -> None:
    with pytest.raises(SyncError, match=r"MySQL has no table shop\.nowhere .* GRANT SELECT"):
        pipeline.run(Table("nowhere", "mysql", "shop", ("id",)))


def test_a_server_that_is_away_is_transient_and_a_wrong_password_is_not(
    pipeline: Pipeline, urls: dict[str, str]
) -> None:
    user = urls["SOFTCART_MYSQL_URL"].partition("://")[2].partition(":")[0]
    address = urls["SOFTCART_MYSQL_URL"].rpartition("@")[2]
    away = MySQLSource(f"mysql://{user}:geheim@127.0.0.1:1/shop")
    with pytest.raises(TransientError, match=r"\*\*\*@127\.0\.0\.1:1/shop") as error:
        away.describe(SALES)
    assert "geheim" not in str(error.value)
    with pytest.raises(SyncError, match="check user and password") as refused:
        MySQLSource(f"mysql://{user}:geheim@{address}").describe(SALES)
    assert not isinstance(refused.value, TransientError)


@pytest.mark.parametrize("strategy", TABLE_STRATEGIES)
def test_a_declared_key_that_the_source_has_lost_is_refused_until_a_reload(
    pipeline: Pipeline, sales: Shop, strategy: Strategy
) -> None:
    table = replace(SALES, strategy=strategy, cursor="updated_at")
    pipeline.run(table)
    execute(sales, "ALTER TABLE sales_data DROP PRIMARY KEY, ADD UNIQUE (price)")
    execute(sales, "UPDATE sales_data SET note = 'changed' WHERE rowid = 1")
    lost = r"raw\.sales_data: \(rowid\) was a key of mysql shop\.sales_data.*--reload"
    with pytest.raises(SyncError, match=lost):
        pipeline.run(table)
    assert pipeline.query("SELECT note FROM raw.sales_data WHERE rowid = 1") == [("one",)]
    assert pipeline.run(table, reload=True).updated == 1
    execute(sales, "DELETE FROM sales_data WHERE rowid = 1")
    assert pipeline.run(table, compare=Compare.ALL).deleted == 1


def test_a_key_that_the_source_never_vouched_for_is_the_declarations(pipeline: Pipeline, sales: Shop) -> None:
    execute(sales, "ALTER TABLE sales_data DROP PRIMARY KEY, CHANGE rowid RowID BIGINT NOT NULL")
    assert pipeline.run(SALES).inserted == 3
    execute(sales, "ALTER TABLE sales_data ADD UNIQUE (RowID)")
    assert pipeline.run(SALES).changed == 0
    execute(sales, "ALTER TABLE sales_data DROP KEY RowID")
    with pytest.raises(SyncError, match=r"\(rowid\) was a key of"):
        pipeline.run(SALES)


def test_a_key_that_was_lost_while_its_table_was_away_is_refused(pipeline: Pipeline, sales: Shop) -> None:
    away = replace(SALES, optional=True, deletes=Deletes.IGNORE)
    pipeline.run(away)
    execute(sales, "RENAME TABLE sales_data TO elsewhere")
    pipeline.run(away)
    execute(sales, "ALTER TABLE elsewhere DROP PRIMARY KEY", "RENAME TABLE elsewhere TO sales_data")
    with pytest.raises(SyncError, match=r"\(rowid\) was a key of"):
        pipeline.run(away)
    wider = replace(SALES, key=("rowid", "price"))
    with pytest.raises(SyncError, match=r"its key is \(rowid\), the declaration says \(rowid, price\)"):
        pipeline.run(wider)


@pytest.mark.parametrize("dry_run", [True, False])
def test_braces_in_a_tables_name_mean_nothing(pipeline: Pipeline, shop: Shop, dry_run: bool) -> None:
    execute(shop, "CREATE TABLE `{0} {odd}` (id INT PRIMARY KEY)", "INSERT INTO `{0} {odd}` VALUES (7)")
    for strategy in (Strategy.FULL, Strategy.LOG):
        table = Table("{0} {odd}", "mysql", "shop", ("id",), schema=strategy.value, strategy=strategy)
        assert pipeline.run(table, dry_run=dry_run).inserted == 1
