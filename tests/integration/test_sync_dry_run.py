"""A dry run says what a pass would do, and leaves nothing of its own in the target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import pymysql
import pytest

from sync.errors import SyncError
from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline

Shop = pymysql.Connection
ORDERS = Table("orders", "mysql", "shop", ("id",), schema="shop copy", history=True)
KINDS = {
    "full": ORDERS,
    "watermark": replace(ORDERS, strategy=Strategy.WATERMARK, cursor="at"),
    "log": replace(ORDERS, strategy=Strategy.LOG),
    "without a key": replace(ORDERS, key=(), history=False),
    "with rows to reject": replace(ORDERS, columns=(Column("id", "integer"), Column("note", "uuid"))),
}
EVERYTHING = """
    SELECT 'schema', nspname, 0 FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
    UNION ALL SELECT 'relation', oid::regclass::text, reltuples FROM pg_class WHERE relpersistence <> 't'
        AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
    UNION ALL SELECT 'function', oid::regprocedure::text, 0 FROM pg_proc
        WHERE pronamespace <> 'pg_catalog'::regnamespace
    ORDER BY 1, 2
"""
ROWS = """
    SELECT (SELECT array_agg(l::text ORDER BY l) FROM sync.leases l WHERE name <> 'shop copy.others'),
        (SELECT array_agg(t::text) FROM sync.tables t), (SELECT last FROM sync.batch),
        (SELECT count(*) FROM quarantine.rejected_rows)
"""


@pytest.fixture
def pipeline(shop: Shop, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    with shop.cursor() as cursor:
        for name in ("orders", "others"):
            cursor.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY, note TEXT, at TIMESTAMP(6))")
            cursor.execute(f"INSERT INTO {name} VALUES (1, 'a', NOW()), (2, 'b', NOW())")
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, staging)


@pytest.mark.parametrize("table", KINDS.values(), ids=KINDS)
def test_a_first_dry_run_leaves_an_empty_database_empty(table: Table, pipeline: Pipeline) -> None:
    before = pipeline.query(EVERYTHING)
    for _ in range(2):
        result = pipeline.run(table, dry_run=True)
        assert result.inserted + result.quarantined == 2
        assert pipeline.query(EVERYTHING) == before
    assert pipeline.run(table).inserted == result.inserted


@pytest.mark.parametrize("table", KINDS.values(), ids=KINDS)
def test_a_dry_run_of_a_new_table_leaves_the_others_as_they_are(table: Table, pipeline: Pipeline) -> None:
    pipeline.run(replace(ORDERS, name="others"))
    before: list[Any] = [pipeline.query(EVERYTHING), pipeline.query(ROWS)]
    assert pipeline.run(table, dry_run=True).rows in {0, 2}
    assert [pipeline.query(EVERYTHING), pipeline.query(ROWS)] == before


def test_a_dry_run_that_fails_leaves_nothing_either(pipeline: Pipeline) -> None:
    before = pipeline.query(EVERYTHING)
    strict = replace(KINDS["with rows to reject"], max_rejected_share=0.1)
    with pytest.raises(SyncError, match="2 of 2 rows cannot be loaded"):
        pipeline.run(strict, dry_run=True)
    with suppress(SyncError):
        pipeline.run(replace(ORDERS, name="nowhere"), dry_run=True)
    assert pipeline.query(EVERYTHING) == before


def test_what_somebody_else_has_put_there_meanwhile_stays(pipeline: Pipeline) -> None:
    def meanwhile(rows: int, expected: int | None) -> None:
        pipeline.run(replace(ORDERS, name="others"))

    pipeline.run(ORDERS, dry_run=True, observe=meanwhile)
    assert pipeline.query("SELECT count(*) FROM sync.tables") == [(1,)]
    assert pipeline.query('SELECT count(*) FROM "shop copy".others') == [(2,)]


@pytest.mark.parametrize("name", ["_loading_orders", "_rejected_orders"])
@pytest.mark.parametrize("strategy", ["full", "log"])
def test_what_others_keep_under_the_names_of_a_first_load_stays(
    name: str, strategy: str, pipeline: Pipeline
) -> None:
    theirs = f'"shop copy".{name}'
    pipeline.query(f'CREATE SCHEMA "shop copy"; CREATE TABLE {theirs} AS SELECT 7 AS precious')
    with pytest.raises(SyncError, match=rf"shop copy\.orders: its first load needs the name .*{name}"):
        pipeline.run(KINDS[strategy])
    assert pipeline.run(KINDS[strategy], dry_run=True).inserted == 2
    assert pipeline.query(f"SELECT precious FROM {theirs}") == [(7,)]
    pipeline.query(f"DROP TABLE {theirs}")
    assert pipeline.run(KINDS[strategy]).inserted == 2
    assert pipeline.query("SELECT obj_description('\"shop copy\".orders'::regclass)") == [(None,)]
