"""Meddling with production is found by name, and repaired on request."""

from __future__ import annotations

import pytest

from tests.conformance.shop import COUNTRY, DELTA, FACT, Shop, counts


@pytest.fixture(autouse=True)
def mirrored(shop: Shop) -> None:
    shop.mirror()


def meddle(shop: Shop) -> None:
    fact, country = shop.kit.table(FACT), shop.kit.table(COUNTRY)
    shop.kit.execute(f'UPDATE {fact} SET "amount" = 0.01 WHERE "sale_key" = \'s42\'')
    shop.kit.execute(f"DELETE FROM {fact} WHERE \"sale_key\" = 's43'")
    shop.kit.execute(f'INSERT INTO {country} ("country_key", "country") VALUES (99, \'Nowhere\')')


def test_rows_changed_behind_the_platforms_back_are_named_and_repaired(shop: Shop) -> None:
    meddle(shop)
    assert shop.wrong() == [
        "star.fact_sales: 2 of 100 rows in production are wrong:"
        " sale_key=s42 differs; sale_key=s43 is missing",
        "star.dim_country: 1 of 5 rows in production are wrong: country_key=99 should not be there",
    ]
    result = shop.mirror(compare=True)
    assert counts(result, FACT) == (1, 1, 0)
    assert counts(result, COUNTRY) == (0, 0, 1)
    assert shop.is_equal()
    assert shop.wrong() == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("email", "NULL"),
        ("email", "'1@example.org '"),
        ("born", "NULL"),
        ("weight", "0.3333333333333334"),
        ("customer_id", "-1"),
    ],
)
def test_a_value_of_each_kind_that_was_changed_is_found(shop: Shop, column: str, value: str) -> None:
    table = shop.kit.table(FACT._replace(table="dim_customer"))
    shop.kit.execute(f'UPDATE {table} SET "{column}" = {value} WHERE "customer_key" = \'c1\'')
    assert shop.wrong() == [
        "star.dim_customer: 1 of 10 rows in production are wrong: customer_key=c1 differs"
    ]


def test_a_staging_that_moved_on_is_no_difference_and_hides_none(shop: Shop) -> None:
    shop.change(DELTA)
    assert shop.wrong() == []
    moved = {comparison.table: comparison.moved for comparison in shop.verify()}
    assert moved[FACT] == 7
    meddle(shop)
    assert "sale_key=s42 differs; sale_key=s43 is missing" in shop.wrong()[0]


def test_two_rows_that_swapped_their_values_differ(shop: Shop) -> None:
    fact = shop.kit.table(FACT)
    shop.kit.execute(
        f'UPDATE {fact} SET "amount" = CASE "sale_key" WHEN \'s1\' THEN 4 ELSE 2 END'
        f" WHERE \"sale_key\" IN ('s1', 's2')"
    )
    assert shop.wrong() == [
        "star.fact_sales: 2 of 100 rows in production are wrong: sale_key=s1 differs; sale_key=s2 differs"
    ]


def test_of_many_differences_the_first_are_named_and_all_counted(shop: Shop) -> None:
    shop.kit.execute(f'UPDATE {shop.kit.table(FACT)} SET "amount" = "amount" + 1')
    comparison = shop.verify()[0]
    assert comparison.different == 100
    assert len(comparison.first) == 20
