"""Rows come, change and go; what nobody changed is not written."""

from __future__ import annotations

import pytest

from sync.errors import SyncError
from sync.warehouses.changes import LoadMode
from sync.warehouses.schema import TableName
from tests.conformance.shop import COUNTRY, CUSTOMER, DDL, DELTA, FACT, ROWS, TABLES, Shop, counts, of


def test_a_first_pass_loads_every_table(shop: Shop) -> None:
    result = shop.mirror()
    assert [counts(result, name) for name in TABLES] == [(100, 0, 0), (10, 0, 0), (4, 0, 0)]
    assert [of(result, name).rows for name in TABLES] == [100, 10, 4]
    assert shop.is_equal()
    assert shop.wrong() == []


def test_a_pass_with_nothing_new_does_nothing(shop: Shop) -> None:
    shop.mirror()
    result = shop.mirror()
    assert all(table.mode is LoadMode.NOTHING and not table.changed for table in result.tables)
    assert [table.rows for table in result.tables] == [100, 10, 4]


def test_changes_reach_production_and_are_counted(shop: Shop) -> None:
    shop.mirror()
    shop.change(DELTA)
    result = shop.mirror()
    assert [of(result, name).mode for name in TABLES] == [LoadMode.CHANGES] * 3
    assert [counts(result, name) for name in TABLES] == [(1, 5, 1), (1, 0, 0), (0, 1, 0)]
    assert [of(result, name).rows for name in TABLES] == [100, 11, 4]
    assert shop.is_equal()
    assert shop.wrong() == []


def test_rows_stamped_again_without_a_change_are_not_written(shop: Shop) -> None:
    shop.mirror()
    shop.change("UPDATE star.fact_sales SET _batch = {batch}")
    assert counts(shop.mirror(), FACT) == (0, 0, 0)


def test_what_differs_in_bytes_alone_is_a_change(shop: Shop) -> None:
    shop.change("UPDATE star.dim_customer SET email = 'a', _batch = {batch} WHERE customer_key = 'c1'")
    shop.mirror()
    for text in ("'a '", "'A '", "'A'"):
        shop.change(
            f"UPDATE star.dim_customer SET email = {text}, _batch = {{batch}} WHERE customer_key = 'c1'"
        )
        assert counts(shop.mirror(), CUSTOMER) == (0, 1, 0)
        assert shop.is_equal()


def test_a_parent_and_its_children_come_and_go_in_one_pass(shop: Shop) -> None:
    shop.mirror()
    for deleted, expected in (("true", (0, 0, 1)), ("false", (1, 0, 0))):
        shop.change(
            f"""
            UPDATE star.fact_sales SET _deleted = {deleted}, _batch = {{batch}} WHERE customer_key = 'c3';
            UPDATE star.dim_customer SET _deleted = {deleted}, _batch = {{batch}} WHERE customer_key = 'c3';
            """
        )
        assert counts(shop.mirror(), CUSTOMER) == expected
        assert shop.is_equal()


def test_a_rebuilt_staging_is_compared_and_equal_rows_stay_unwritten(shop: Shop) -> None:
    shop.mirror()
    with shop.staging.cursor() as cursor:
        cursor.execute("DROP TABLE star.fact_sales, star.dim_customer, star.dim_country")
        # Another identity, and batch numbers that begin anew.
        cursor.execute("UPDATE sync.identity SET id = gen_random_uuid(); UPDATE sync.batch SET last = 0")
    shop.change(DDL)
    shop.change(ROWS)
    shop.change("UPDATE star.fact_sales SET amount = 0, _batch = {batch} WHERE sale_key = 's5'")
    shop.change("DELETE FROM star.fact_sales WHERE sale_key = 's6'")
    result = shop.mirror()
    assert [table.mode for table in result.tables] == [LoadMode.COMPARISON] * 3
    assert counts(result, FACT) == (0, 1, 1)
    assert (counts(result, CUSTOMER), counts(result, COUNTRY)) == ((0, 0, 0), (0, 0, 0))
    assert shop.is_equal()
    assert all(table.mode is LoadMode.NOTHING for table in shop.mirror().tables)


def test_names_that_a_system_might_trip_over_are_carried(bare: Shop) -> None:
    odd = TableName("star", "Order % Näme")
    bare.change(
        """
        CREATE TABLE star."Order % Näme" (
            "select" varchar(40), "a ""b"" c" bigint, "Täg; --" varchar(80), _batch bigint, _deleted boolean,
            PRIMARY KEY ("select", "a ""b"" c")
        );
        INSERT INTO star."Order % Näme" VALUES ('it''s', 1, '%s ? :x {0} $1', {batch}, false),
            ('tab' || chr(9) || 'line' || chr(10), 2, '\\N', {batch}, false), (' |', 3, NULL, {batch}, false),
            ('|', 4, 'NULL', {batch}, false);
        """
    )
    bare.mirror([odd])
    assert bare.is_equal([odd])
    bare.change(
        """
        UPDATE star."Order % Näme" SET "Täg; --" = '€ 😀', _batch = {batch} WHERE "a ""b"" c" < 3;
        UPDATE star."Order % Näme" SET _deleted = true, _batch = {batch} WHERE "a ""b"" c" = 4;
        """
    )
    assert counts(bare.mirror([odd]), odd) == (0, 2, 1)
    assert bare.is_equal([odd])
    assert bare.wrong([odd]) == []


def test_two_passes_of_one_warehouse_bring_the_changes_of_two_batches(shop: Shop) -> None:
    shop.mirror()
    for _ in range(2):
        shop.change(DELTA)
        shop.change(DELTA)
        shop.mirror()
        assert shop.is_equal()


def test_a_table_that_staging_lacks_is_named(shop: Shop) -> None:
    with pytest.raises(SyncError, match=r"star\.nothing is not in staging"):
        shop.mirror([TableName("star", "nothing")])
