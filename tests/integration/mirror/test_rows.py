"""The mirror's rows, read back from production."""

from __future__ import annotations

import pytest

from sync.errors import SyncError
from sync.warehouses.changes import LoadMode
from sync.warehouses.mirror import mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.postgresql.warehouse import PostgreSQLWarehouse
from sync.warehouses.schema import TableName
from tests.integration.mirror.small_star import (
    COUNTRY,
    CUSTOMER,
    FACT,
    REPORT,
    TABLES,
    SmallStar,
    counts,
    of,
)


def test_a_first_pass_loads_every_table_without_bookkeeping_columns(star: SmallStar) -> None:
    result = star.mirror()
    assert [counts(result, name) for name in TABLES] == [(100, 0, 0), (10, 0, 0), (4, 0, 0), (4, 0, 0)]
    assert star.tables_are_equal()
    assert (
        star.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema IN ('star', 'reports')"
            " AND column_name LIKE '\\_%'"
        )
        == []
    )


def test_a_pass_with_nothing_new_writes_nothing(star: SmallStar) -> None:
    star.mirror()
    versions = star.versions()
    state_before = star.rows("SELECT *, xmin FROM sync.tables ORDER BY 1, 2")
    result = star.mirror()
    assert all(table.mode is LoadMode.NOTHING and not table.changed for table in result.tables)
    assert [table.rows for table in result.tables] == [100, 10, 4, 4]
    assert star.versions() == versions
    assert star.rows("SELECT *, xmin FROM sync.tables ORDER BY 1, 2") == state_before


def test_changes_reach_production_and_leave_other_rows_unwritten(star: SmallStar) -> None:
    star.mirror()
    before = star.versions()
    star.change(
        """
        UPDATE star.dim_country SET country = 'Elsewhere', _batch = {batch} WHERE country_key = 2;
        INSERT INTO star.dim_customer VALUES ('c11', 11, NULL, '2024-05-01', '-0', {batch});
        UPDATE star.fact_sales SET customer_key = 'c11', _batch = {batch} WHERE sale_key = 's7';
        UPDATE star.fact_sales SET _deleted = true, _batch = {batch} WHERE sale_key = 's8';
        INSERT INTO star.fact_sales VALUES ('s101', 4, 'c11', 1.50, 3, now(), {batch});
        """
    )
    result = star.mirror()
    assert counts(result, FACT) == (1, 1, 1)
    assert counts(result, CUSTOMER) == (1, 0, 0)
    assert counts(result, COUNTRY) == (0, 1, 0)
    assert of(result, REPORT).mode is LoadMode.NOTHING
    assert star.tables_are_equal()
    assert len(set(star.versions()[FACT]) - set(before[FACT])) == 2


def test_a_row_stamped_again_without_a_change_is_not_written(star: SmallStar) -> None:
    star.mirror()
    before = star.versions()
    star.change("UPDATE star.fact_sales SET _batch = {batch}")
    result = star.mirror()
    assert counts(result, FACT) == (0, 0, 0)
    assert star.versions() == before


def test_a_changed_scale_and_a_negative_zero_are_changes(star: SmallStar) -> None:
    star.mirror()
    star.change(
        """
        UPDATE star.fact_sales SET price = price::numeric(10,3), _batch = {batch} WHERE sale_key = 's1';
        UPDATE star.dim_customer SET weight = 0, _batch = {batch} WHERE customer_key = 'c1';
        """
    )
    star.mirror()
    star.change("UPDATE star.dim_customer SET weight = '-0', _batch = {batch} WHERE customer_key = 'c1'")
    star.mirror()
    assert star.rows("SELECT price::text FROM star.fact_sales WHERE sale_key = 's1'") == [("1.000",)]
    assert star.rows("SELECT weight::text FROM star.dim_customer WHERE customer_key = 'c1'") == [("-0",)]


def test_a_member_and_its_sales_come_and_go_in_one_pass(star: SmallStar) -> None:
    star.mirror()
    star.change(
        """
        UPDATE star.fact_sales SET _deleted = true, _batch = {batch} WHERE customer_key = 'c3';
        UPDATE star.dim_customer SET _deleted = true, _batch = {batch} WHERE customer_key = 'c3';
        """
    )
    result = star.mirror()
    assert counts(result, CUSTOMER) == (0, 0, 1)
    assert counts(result, FACT) == (0, 0, 10)
    star.change(
        """
        UPDATE star.fact_sales SET _deleted = false, _batch = {batch} WHERE customer_key = 'c3';
        UPDATE star.dim_customer SET _deleted = false, _batch = {batch} WHERE customer_key = 'c3';
        """
    )
    star.mirror()
    assert star.tables_are_equal()


def test_versions_may_swap_what_staging_keeps_unique(star: SmallStar) -> None:
    star.mirror()
    star.change(
        """
        UPDATE star.dim_customer SET weight = 99, _batch = {batch} WHERE customer_key = 'c1';
        INSERT INTO star.dim_customer
            SELECT 'c1b', 1, NULL, '2024-01-01', 1 / 3.0, {batch};
        """
    )
    star.mirror()
    assert star.tables_are_equal()


def test_a_rebuilt_staging_is_compared_and_equal_rows_stay_unwritten(star: SmallStar) -> None:
    star.mirror()
    before = star.versions()
    with star.staging.cursor() as cursor:
        cursor.execute("DROP SCHEMA star, reports, sync, quarantine CASCADE")
    star.build()
    star.change("UPDATE star.fact_sales SET amount = 0, _batch = {batch} WHERE sale_key = 's5'")
    with star.staging.cursor() as cursor:
        cursor.execute("DELETE FROM star.fact_sales WHERE sale_key = 's6'")
    result = star.mirror()
    assert [table.mode for table in result.tables] == [LoadMode.COMPARISON] * 4
    assert counts(result, FACT) == (0, 1, 1)
    assert star.tables_are_equal()
    assert len(set(star.versions()[FACT]) - set(before[FACT])) == 1
    assert all(table.mode is LoadMode.NOTHING for table in star.mirror().tables)


def test_a_table_built_anew_in_staging_loses_its_vanished_rows(star: SmallStar) -> None:
    star.mirror()
    star.change(
        """
        CREATE TABLE star.new (LIKE star.fact_sales INCLUDING ALL);
        INSERT INTO star.new SELECT * FROM star.fact_sales WHERE sale_key <> 's9';
        DROP TABLE star.fact_sales;
        ALTER TABLE star.new RENAME TO fact_sales;
        """
    )
    result = star.mirror()
    assert counts(result, FACT) == (0, 0, 1)
    assert star.tables_are_equal()


def test_a_comparison_on_request_repairs_what_was_changed_in_production(star: SmallStar) -> None:
    star.mirror()
    with star.production.cursor() as cursor:
        cursor.execute("UPDATE star.fact_sales SET amount = 1 WHERE sale_key = 's2'")
        cursor.execute("DELETE FROM star.fact_sales WHERE sale_key = 's3'")
        cursor.execute("INSERT INTO star.dim_country VALUES (99, 99, 'Nowhere')")
    result = star.mirror(compare=True)
    assert counts(result, FACT) == (1, 1, 0)
    assert counts(result, COUNTRY) == (0, 0, 1)
    assert star.tables_are_equal()


def test_staging_is_not_mirrored_into_itself(star: SmallStar) -> None:
    with pytest.raises(SyncError, match="staging and production are one database"):
        mirror(PostgreSQLStaging(star.staging), PostgreSQLWarehouse(lambda: star.staging), TABLES, "test")


def test_a_table_that_staging_lacks_is_named(star: SmallStar) -> None:
    with pytest.raises(SyncError, match=r"star\.fact_nothing is not in staging"):
        mirror(PostgreSQLStaging(star.staging), star.warehouse(), [TableName("star", "fact_nothing")], "test")


def test_a_table_without_a_primary_key_is_named(star: SmallStar) -> None:
    star.change("CREATE TABLE star.keyless (a integer, _batch bigint, _deleted boolean)")
    with pytest.raises(SyncError, match=r"star\.keyless has no primary key"):
        mirror(PostgreSQLStaging(star.staging), star.warehouse(), [TableName("star", "keyless")], "test")
