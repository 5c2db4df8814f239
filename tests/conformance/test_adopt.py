"""A table that somebody else made is merged into by key, the shared columns alone, and keeps all else."""

from __future__ import annotations

from contextlib import closing

import pytest

from sync.errors import SyncError
from sync.warehouses.adopt import AdoptResult, adopt
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.schema import TableName
from tests.conformance.shop import Shop

LINES, SALES = TableName("star", "lines"), TableName("bi", "sales_data")
DDL = """
CREATE TABLE star.lines (
    rowid bigint PRIMARY KEY, product_id bigint, quantity integer,
    _batch bigint, _deleted boolean DEFAULT false
);
INSERT INTO star.lines VALUES (1, 10, 1, {batch}), (2, 20, 2, {batch}), (3, 30, 3, {batch});
"""


@pytest.fixture
def lines(bare: Shop) -> Shop:
    bare.change(DDL)
    return bare


def theirs(shop: Shop, columns: str, *rows: str) -> None:
    shop.kit.execute("CREATE SCHEMA bi")
    shop.kit.execute(f"CREATE TABLE {shop.kit.table(SALES)} ({columns})")
    for row in rows:
        shop.kit.execute(f"INSERT INTO {shop.kit.table(SALES)} VALUES ({row})")


def merged(shop: Shop) -> AdoptResult:
    with closing(shop.kit.open()) as warehouse:
        return adopt(PostgreSQLStaging(shop.staging), warehouse, LINES, SALES, "test")


def rows(shop: Shop, columns: str) -> list[tuple[object, ...]]:
    return shop.kit.rows(f"SELECT {columns} FROM {shop.kit.table(SALES)} ORDER BY 1")


def test_shared_columns_are_merged_and_all_else_is_left_alone(lines: Shop) -> None:
    theirs(lines, '"rowid" BIGINT, "quantity" BIGINT, "price" INTEGER', "1, 1, 5", "2, 9, 7", "77, 7, 8")
    assert merged(lines) == AdoptResult(inserted=1, updated=1, rejected=0, rows=4)
    assert rows(lines, '"rowid", "quantity", "price"') == [(1, 1, 5), (2, 2, 7), (3, 3, None), (77, 7, 8)]
    assert merged(lines) == AdoptResult(0, 0, 0, 4)


def test_what_is_deleted_in_the_source_stays(lines: Shop) -> None:
    theirs(lines, '"rowid" BIGINT, "quantity" BIGINT', "1, 1")
    merged(lines)
    lines.change("UPDATE star.lines SET _deleted = true, _batch = {batch} WHERE rowid = 3")
    assert merged(lines) == AdoptResult(0, 0, 0, 3)
    assert [row[0] for row in rows(lines, '"rowid"')] == [1, 2, 3]


def test_a_table_that_is_not_there_is_made_with_the_sources_columns(lines: Shop) -> None:
    assert merged(lines) == AdoptResult(3, 0, 0, 3)
    assert rows(lines, '"rowid", "product_id", "quantity"') == [(1, 10, 1), (2, 20, 2), (3, 30, 3)]
    lines.change("INSERT INTO star.lines VALUES (4, 40, 4, {batch})")
    assert merged(lines) == AdoptResult(1, 0, 0, 4)


def test_a_table_without_the_key_is_refused_by_name_and_untouched(lines: Shop) -> None:
    theirs(lines, '"sale" BIGINT, "quantity" BIGINT', "1, 1")
    with pytest.raises(SyncError, match="has no column 'rowid' to merge by; its columns are sale, quantity"):
        merged(lines)
    assert rows(lines, "*") == [(1, 1)]
