"""The aggregates that the reports are made from, and the tests that look at what came since they passed."""

from __future__ import annotations

from random import Random

import pytest

from softcart_assets.dbt.runner import build
from tests.integration.star.staging import STAR, Staging, day, land_history

AGGREGATES = ("sales_by_day", "product_days")
KEYS = {
    "sales_by_day": "date_key, country_key, category_key",
    "product_days": "date_key, product_key",
}
COUNTRIES = ("Spain", "Norway", None)
DROPPED, LIVE = "no_sale_is_dropped", "members_are_live_fact_sales_"
AGREES = "agrees_with_the_fact_sales_by_day_"


def cells_are_right(warehouse: Staging) -> bool:
    """Whether each aggregate has what grouping the fact finds."""
    return all(
        warehouse.rows(
            f"SELECT {keys}, sum(amount) AS amount, count(amount) AS amounts, count(*) AS sales"
            f" FROM star.fact_sales WHERE NOT _deleted AND {known} GROUP BY {keys} ORDER BY {keys}"
        )
        == warehouse.rows(
            f"SELECT {keys}, amount, amounts, sales FROM aggregates.{name} WHERE NOT _deleted ORDER BY {keys}"
        )
        for name, keys in KEYS.items()
        for known in ["product_key <> 0" if "product" in keys else "true"]
    )


def change(warehouse: Staging, chance: Random, number: int) -> None:
    """A sale that comes, is corrected or goes, a customer who moves, a product of another category, a line of
    the history."""
    rowid, member, at = chance.randint(1, 12), chance.randint(1, 3), day(chance.randint(1, 40))
    what = chance.randrange(6)
    if what == 0:
        warehouse.remove("sales_data", rowid, at)
    elif what == 1:
        moved = day(chance.randint(1, 40)).replace(second=number)
        warehouse.put("customers", at=moved, customer_id=member, country=chance.choice(COUNTRIES))
    elif what == 2:
        moved = day(chance.randint(1, 40)).replace(second=number)
        category = chance.choice(("Toys", "Games"))
        warehouse.put("toys", at=moved, _id=str(member), product_id=member, category=category)
    elif what == 3:
        warehouse.put("fact_sales", orderid=member, dateid=chance.randint(1, 3), countryid=1, amount=number)
    else:
        price = chance.choice((number, None))
        sale = {"product_id": member, "customer_id": member, "price": price, "quantity": 1, "timestamp": at}
        warehouse.put("sales_data", rowid=rowid, **sale)


@pytest.mark.parametrize("seed", [1, 2])
def test_cells_follow_every_sale_that_comes_moves_and_goes(warehouse: Staging, seed: int) -> None:
    chance = Random(seed)
    land_history(warehouse)
    for number in range(10):
        for _ in range(3):
            change(warehouse, chance, number)
        warehouse.build(*STAR)
        if chance.random() < 0.6:  # else the next build takes in two of the fact's
            warehouse.build(*AGGREGATES)
            assert cells_are_right(warehouse)
    warehouse.build(*AGGREGATES)
    assert cells_are_right(warehouse)
    # What all of them have taken in is forgotten.
    warehouse.put("sales_data", rowid=50, product_id=1, price=1, quantity=1, timestamp=day(3))
    warehouse.build(*STAR, *AGGREGATES)
    assert warehouse.value("SELECT count(*) FROM star.fact_sales__former") == 0


def asked(warehouse: Staging, test: str, whole: bool = False) -> str:
    """How a test ends; asked alone, since one that fails lets dbt skip those that are behind it."""
    [result] = build(warehouse.url, [test], "UTC", rebuild=whole)
    return result.status


@pytest.fixture
def large(warehouse: Staging) -> Staging:
    """A star whose models pass for large, and whose tests have passed."""
    land_history(warehouse)
    warehouse.put("sales_data", rowid=1, product_id=1, customer_id=1, price=2, quantity=1, timestamp=day(1))
    warehouse.build(*STAR, *AGGREGATES, DROPPED, LIVE, AGREES)
    warehouse.execute("UPDATE sync.models SET total = 1000000, audited_batch = batch")
    return warehouse


@pytest.mark.parametrize("test", [DROPPED, AGREES])
def test_what_came_since_is_tested_of_a_large_fact_and_the_rest_where_everything_is_asked(
    large: Staging, test: str
) -> None:
    large.execute("UPDATE star.fact_sales SET amount = 7, _deleted = origin = 'shop'")
    assert asked(large, test) == "pass"
    assert asked(large, test, whole=True) == "fail"


@pytest.mark.parametrize(
    ("statement", "test"),
    [
        ("UPDATE star.fact_sales SET amount = 7, _batch = sync.next_batch() WHERE sale_key = 3", DROPPED),
        ("UPDATE star.fact_sales SET _deleted = true, _batch = sync.next_batch() WHERE sale_key = 3", AGREES),
        (
            "UPDATE star.dim_country SET _deleted = true, _batch = sync.next_batch() WHERE country_key > 0",
            LIVE,
        ),
        ("UPDATE aggregates.sales_by_day SET sales = 9, _batch = sync.next_batch() WHERE sales = 1", AGREES),
    ],
)
def test_a_row_that_is_wrong_since_fails_the_tests_of_a_large_fact(
    large: Staging, statement: str, test: str
) -> None:
    large.execute(statement)
    large.execute("UPDATE sync.models SET batch = (SELECT last FROM sync.batch)")
    assert asked(large, test) == "fail"


def test_a_sale_that_the_fact_did_not_take_in_fails_the_test_of_a_large_fact(large: Staging) -> None:
    large.put("sales_data", rowid=2, product_id=1, price=3, quantity=1, timestamp=day(2))
    large.execute("UPDATE sync.models SET batch = (SELECT last FROM sync.batch) WHERE model = 'fact_sales'")
    assert asked(large, DROPPED) == "fail"
