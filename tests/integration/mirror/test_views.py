"""Views over the mirrored tables: made, refreshed and granted when there is a reason, and only then."""

from __future__ import annotations

from dataclasses import replace

import psycopg2
import psycopg2.errors
import pytest

from sync.warehouses.mirror import MirrorResult
from sync.warehouses.schema import TableName
from tests.integration.mirror.small_star import SALES, TABLES, TOTALS, SmallStar

VIEWS = [TOTALS, SALES]
TOTALS_VERSION = "SELECT xmin, ctid FROM reports.total_sales_per_country"


def refreshed(result: MirrorResult) -> bool:
    return any(view.refreshed for view in result.views)


def totals_are_right(star: SmallStar) -> bool:
    return star.rows(f"{TOTALS.query} ORDER BY 1") == star.rows(f"SELECT * FROM {TOTALS.name} ORDER BY 1")


def test_views_are_made_with_the_tables(star: SmallStar) -> None:
    result = star.mirror(VIEWS)
    assert [(view.name, view.created, view.rows) for view in result.views] == [
        (TOTALS.name, True, 4),
        (SALES.name, True, 0),
    ]
    assert totals_are_right(star)
    assert star.rows("SELECT count(*), sum(amount) FROM bi.sales") == [(100, 10100)]


def test_a_materialized_view_is_refreshed_when_its_input_moved_and_only_then(star: SmallStar) -> None:
    star.mirror(VIEWS)
    statistics = star.rows(TOTALS_VERSION)
    assert not refreshed(star.mirror(VIEWS))
    star.change("UPDATE star.dim_customer SET weight = 5, _batch = {batch} WHERE customer_key = 'c1'")
    assert not refreshed(star.mirror(VIEWS))
    assert star.rows(TOTALS_VERSION) == statistics
    star.change("UPDATE star.fact_sales SET amount = 1000, _batch = {batch} WHERE sale_key = 's1'")
    assert refreshed(star.mirror(VIEWS))
    assert totals_are_right(star)
    assert not refreshed(star.mirror(VIEWS))


def test_a_repair_refreshes_too(star: SmallStar) -> None:
    star.mirror(VIEWS)
    with star.production.cursor() as cursor:
        cursor.execute("UPDATE star.fact_sales SET amount = 1000000")
        cursor.execute(f"REFRESH MATERIALIZED VIEW {TOTALS.name}")
    star.mirror(VIEWS, compare=True)
    assert totals_are_right(star)
    assert star.rows("SELECT sum(total_sales) FROM reports.total_sales_per_country") == [(10100,)]


def test_a_changed_definition_replaces_the_views(star: SmallStar) -> None:
    on_top = replace(SALES, name=TableName("bi", "totals"), query=f"SELECT * FROM {TOTALS.name}")
    star.mirror([TOTALS, SALES, on_top])
    narrower = replace(TOTALS, query="SELECT country, 0 AS total_sales FROM star.dim_country")
    result = star.mirror([narrower, on_top])
    assert all(view.created for view in result.views)
    assert star.rows("SELECT DISTINCT total_sales FROM bi.totals") == [(0,)]
    assert star.rows("SELECT to_regclass('bi.sales')") == [(None,)]


def test_a_view_that_was_dropped_by_hand_comes_back(star: SmallStar) -> None:
    star.mirror(VIEWS)
    with star.production.cursor() as cursor:
        cursor.execute("DROP VIEW bi.sales")
    star.mirror(VIEWS)
    assert star.rows("SELECT count(*) FROM bi.sales") == [(100,)]


def test_the_readers_role_reads_the_views_and_nothing_else(star: SmallStar, bi_url: str) -> None:
    result = star.mirror(VIEWS, role="bi")
    assert result.notes == ()
    reader = psycopg2.connect(bi_url)
    reader.autocommit = True
    with reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bi.sales")
        assert cursor.fetchone() == (100,)
        for forbidden in (*TABLES, TOTALS.name, TableName("sync", "tables")):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"SELECT FROM {forbidden}")
    reader.close()


def test_a_role_that_the_server_lacks_is_noted_and_grants_follow_when_it_is_there(star: SmallStar) -> None:
    result = star.mirror(VIEWS, role="nobody_of_that_name")
    assert result.notes == (
        "production has no role nobody_of_that_name: create it, and the next pass lets it read the views",
    )
    star.mirror(VIEWS, role="bi")
    assert star.rows("SELECT has_table_privilege('bi', 'bi.sales', 'SELECT')") == [(True,)]
