"""Views over the mirrored tables: made, refreshed when there is a reason, and right."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest

from softcart_assets.production import BY_YEAR, production_views
from sync.errors import SyncError
from sync.warehouses.comparison import TableComparison
from sync.warehouses.contract import Session
from sync.warehouses.dbapi.session import DbApiSession
from sync.warehouses.mirror import MirrorResult, Publication, mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.postgresql.warehouse import PostgreSQLSession
from sync.warehouses.schema import TableName
from sync.warehouses.verify import verify_view
from tests.conformance.shop import FACT, SALES, TOTALS, VIEWS, Shop

BY_YEAR_ROWS = """
CREATE SCHEMA IF NOT EXISTS reports;
CREATE TABLE reports.sales_by_year_country (
    report_key bigint PRIMARY KEY, year integer, country varchar(60), total_sales numeric(24,2), sales bigint,
    _batch bigint, _deleted boolean DEFAULT false
);
INSERT INTO reports.sales_by_year_country VALUES
    (1, 2025, 'Norway', 50, 4, {batch}), (2, 2026, 'Norway', 20.25, 2, {batch}),
    (3, NULL, 'Unknown', 0, 1, {batch});
"""


def refreshed(result: MirrorResult) -> bool:
    return any(view.refreshed for view in result.views)


def compared(shop: Shop) -> TableComparison:
    with closing(shop.kit.open()) as warehouse:
        return verify_view(warehouse, shop.kit.view(TOTALS))


def test_views_are_made_with_the_tables(shop: Shop) -> None:
    assert compared(shop).obstacle == "it is not in production: mirror it first"
    result = shop.mirror(publication=VIEWS)
    assert [(view.name, view.created, view.rows) for view in result.views] == [
        (TOTALS.name, True, 4),
        (SALES.name, True, 0),
    ]
    assert str(compared(shop)) == "reports.totals: 4 rows are equal"
    assert len(shop.kit.rows(f"SELECT * FROM {shop.kit.table(SALES.name)}")) == 100


def test_a_materialized_view_is_refreshed_when_its_input_moved_and_only_then(shop: Shop) -> None:
    shop.mirror(publication=VIEWS)
    assert not refreshed(shop.mirror(publication=VIEWS))
    shop.change("UPDATE star.dim_customer SET weight = 5, _batch = {batch} WHERE customer_key = 'c1'")
    assert not refreshed(shop.mirror(publication=VIEWS))
    shop.change("UPDATE star.fact_sales SET amount = 1000, _batch = {batch} WHERE sale_key = 's1'")
    assert refreshed(shop.mirror(publication=VIEWS))
    assert compared(shop).equal
    assert not refreshed(shop.mirror(publication=VIEWS))


def test_a_repair_refreshes_too_and_a_stale_view_is_named(shop: Shop) -> None:
    shop.mirror(publication=VIEWS)
    shop.kit.execute(f'UPDATE {shop.kit.table(FACT)} SET "amount" = 0 WHERE "sale_key" = \'s1\'')
    assert [str(row) for row in compared(shop).first] == ["country=Country 2 differs"]
    assert refreshed(shop.mirror(publication=VIEWS, compare=True))
    assert compared(shop).equal


def test_a_changed_definition_replaces_the_views(shop: Shop) -> None:
    shop.mirror(publication=VIEWS)
    narrower = replace(
        TOTALS, query='SELECT "country", 0 AS "amount", 0 AS "sales" FROM "star"."dim_country"'
    )
    result = shop.mirror(publication=Publication((narrower,)))
    assert [view.created for view in result.views] == [True]
    assert shop.kit.rows(f'SELECT DISTINCT "amount" FROM {shop.kit.table(TOTALS.name)}') == [(0,)]


def test_a_view_that_was_dropped_by_hand_comes_back(shop: Shop) -> None:
    shop.mirror(publication=VIEWS)
    shop.kit.execute(f"DROP VIEW {shop.kit.table(SALES.name)}")
    shop.mirror(publication=VIEWS)
    assert len(shop.kit.rows(f"SELECT * FROM {shop.kit.table(SALES.name)}")) == 100


def test_views_of_a_pass_that_ended_on_its_way_are_made_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.mirror()
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="ended here"):
        for session in (DbApiSession, PostgreSQLSession):
            patch.setattr(session, "count", ends)
        shop.mirror(publication=VIEWS)
    shop.mirror(publication=VIEWS)
    assert compared(shop).equal
    assert len(shop.kit.rows(f"SELECT * FROM {shop.kit.table(SALES.name)}")) == 100


def ends(session: Session, table: TableName) -> int:
    raise RuntimeError("ended here")


def test_a_table_of_a_views_name_that_somebody_else_made_is_refused_and_left_alone(shop: Shop) -> None:
    shop.mirror()
    shop.kit.execute("CREATE SCHEMA bi")
    shop.kit.execute(f"CREATE TABLE {shop.kit.table(SALES.name)} (theirs INTEGER)")
    for _ in range(2):
        with pytest.raises(SyncError, match=r"bi\.sales"):
            shop.mirror(publication=VIEWS)
    assert not shop.kit.rows(f"SELECT theirs FROM {shop.kit.table(SALES.name)}")


def test_the_platforms_totals_are_those_of_its_report(shop: Shop) -> None:
    shop.change(BY_YEAR_ROWS)
    with closing(shop.kit.open()) as warehouse:
        (totals, *_) = production_views([], warehouse)
        publication = Publication((totals,))
        mirror(PostgreSQLStaging(shop.staging), warehouse, [BY_YEAR], "test", publication)
        rows = shop.kit.rows(f"SELECT * FROM {shop.kit.table(totals.name)} ORDER BY 1")
        assert rows == [("Norway", Decimal("70.25"), 6), ("Unknown", Decimal("0.00"), 1)]
        assert verify_view(warehouse, totals).equal
        shop.change(
            "UPDATE reports.sales_by_year_country SET sales = 2, _batch = {batch} WHERE report_key = 3"
        )
        mirror(PostgreSQLStaging(shop.staging), warehouse, [BY_YEAR], "test", publication)
        assert shop.kit.rows(f"SELECT * FROM {shop.kit.table(totals.name)} ORDER BY 1")[1][2] == 2
