"""Rows that a warehouse cannot hold wait in its quarantine; their neighbours load, older versions stand."""

from __future__ import annotations

import pytest

from tests.conformance.kits import KITS
from tests.conformance.shop import COUNTRY, CUSTOMER, FACT, TABLES, Shop, counts, of

UNFIT = [(name, column, value) for name, kit in KITS.items() for column, value in kit.unfit.items()]
GOOD = {"valid_from": "'2020-01-01 00:00+00'", "email": "'c1@example.org'", "born": "'1990-03-01'"}
QUARANTINED = """SELECT "table_name", "key", "reason" FROM "quarantine"."rejected_rows" ORDER BY 1, 2"""

pytestmark = pytest.mark.parametrize(
    ("kit", "column", "value"), UNFIT, indirect=["kit"], ids=["-".join(case[:2]) for case in UNFIT]
)


def spoil(shop: Shop, column: str, value: str, key: str = "c1") -> None:
    shop.change(
        f"UPDATE star.dim_customer SET {column} = {value}, _batch = {{batch}} WHERE customer_key = '{key}'"
    )


def quarantined(shop: Shop) -> dict[tuple[str, str], str]:
    return {(table, key): reason for table, key, reason in shop.kit.rows(QUARANTINED)}


def test_a_version_that_cannot_be_held_waits_and_the_one_before_stands(
    shop: Shop, column: str, value: str
) -> None:
    shop.mirror()
    before = shop.actual()
    spoil(shop, column, value)
    shop.change("UPDATE star.dim_customer SET weight = 7, _batch = {batch} WHERE customer_key = 'c2'")
    result = shop.mirror()
    assert counts(result, CUSTOMER) == (0, 1, 0)
    assert (of(result, CUSTOMER).rejected, of(result, CUSTOMER).rows) == (1, 10)
    (((table, key), reason),) = quarantined(shop).items()
    assert (table, key) == ("star.dim_customer", '["c1"]')
    assert reason
    same = {row for row in before[CUSTOMER] if row[0] == "c1"}
    assert {row for row in shop.actual()[CUSTOMER] if row[0] == "c1"} == same
    comparison = shop.verify()[1]
    assert comparison.equal
    assert str(comparison) == "star.dim_customer: 9 rows are equal, 1 are in production's quarantine"

    # It is tried again, though its batch is not new any more.
    shop.change("UPDATE star.dim_country SET country = 'X', _batch = {batch} WHERE country_key = 1")
    assert of(shop.mirror(), CUSTOMER).rejected == 1
    spoil(shop, column, GOOD[column])
    assert counts(shop.mirror(), CUSTOMER) == (0, 1, 0)
    assert quarantined(shop) == {}
    assert shop.is_equal()


def test_children_wait_with_their_parent_and_come_with_it(shop: Shop, column: str, value: str) -> None:
    spoil(shop, column, value)
    result = shop.mirror()
    assert counts(result, CUSTOMER) == (9, 0, 0)
    assert counts(result, FACT) == (90, 0, 0)
    assert {table for table, _ in quarantined(shop)} == {"star.dim_customer", "star.fact_sales"}
    assert len(quarantined(shop)) == 11
    assert shop.wrong() == []
    # A further child, and what its parent's repair brings.
    shop.change("INSERT INTO star.fact_sales VALUES ('late', 1, 'c1', 1, NULL, {batch})")
    assert counts(shop.mirror(), FACT) == (0, 0, 0)
    assert len(quarantined(shop)) == 12
    spoil(shop, column, GOOD[column])
    result = shop.mirror()
    assert (counts(result, CUSTOMER), counts(result, FACT)) == ((1, 0, 0), (11, 0, 0))
    assert quarantined(shop) == {}
    assert shop.is_equal()


def test_a_row_in_quarantine_that_is_deleted_in_staging_is_gone(shop: Shop, column: str, value: str) -> None:
    shop.mirror()
    spoil(shop, column, value, key="c10")
    shop.mirror()
    shop.change(
        """
        UPDATE star.fact_sales SET _deleted = true, _batch = {batch} WHERE customer_key = 'c10';
        UPDATE star.dim_customer SET _deleted = true, _batch = {batch} WHERE customer_key = 'c10';
        """
    )
    assert counts(shop.mirror(), CUSTOMER) == (0, 0, 1)
    assert quarantined(shop) == {}
    assert shop.is_equal()


def test_a_comparison_of_everything_keeps_the_version_before(shop: Shop, column: str, value: str) -> None:
    shop.mirror()
    spoil(shop, column, value)
    result = shop.mirror(compare=True)
    assert [of(result, name).changed for name in TABLES] == [0, 0, 0]
    assert of(result, CUSTOMER).rejected == 1
    assert of(result, COUNTRY).rejected == 0
    assert len(shop.actual()[CUSTOMER]) == 10
    assert shop.wrong() == []
