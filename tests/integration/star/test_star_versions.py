"""Customers and products as slowly changing dimensions, and the sales that belong to their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.integration.star.staging import BEGINNING, Staging, day, product_versions

CUSTOMER_MODELS = ("dim_date", "dim_customer", "dim_country", "customer_versions_are_sound")


def customer_versions(warehouse: Staging) -> list[tuple[Any, ...]]:
    rows = warehouse.rows(
        "SELECT customer_id, country, valid_from, valid_to, is_current, is_inferred FROM star.dim_customer"
        " WHERE NOT _deleted AND customer_key <> 0 ORDER BY customer_id, valid_from"
    )
    return [tuple(row.values()) for row in rows]


def country_of_sale(warehouse: Staging, rowid: int) -> str:
    return warehouse.value(
        "SELECT country FROM star.fact_sales JOIN star.dim_country USING (country_key)"
        " WHERE origin = 'shop' AND source_id = %s",
        [rowid],
    )


def sell(warehouse: Staging, rowid: int, at: datetime, **row: Any) -> None:
    sale = {"product_id": 1, "customer_id": 1, "price": 10, "quantity": 1, **row}
    warehouse.put("sales_data", rowid=rowid, timestamp=at.replace(tzinfo=None), **sale)


def test_every_change_between_two_builds_becomes_a_version(warehouse: Staging) -> None:
    warehouse.put("customers", day(0), customer_id=1, country="Spain")
    warehouse.build(*CUSTOMER_MODELS)
    warehouse.put("customers", day(10), customer_id=1, country="Peru")
    warehouse.put("customers", day(20), customer_id=1, country="Oman")
    warehouse.build(*CUSTOMER_MODELS)
    assert customer_versions(warehouse) == [
        (1, "Spain", BEGINNING, day(10), False, False),
        (1, "Peru", day(10), day(20), False, False),
        (1, "Oman", day(20), None, True, False),
    ]


def test_a_change_that_no_tracked_attribute_shows_makes_no_version(warehouse: Staging) -> None:
    warehouse.put("customers", day(0), customer_id=1, country="Spain")
    warehouse.put("customers", day(5), customer_id=1, country=" Spain ", updated_at=day(5))
    warehouse.build(*CUSTOMER_MODELS)
    assert customer_versions(warehouse) == [(1, "Spain", BEGINNING, None, True, False)]


def test_a_sale_has_the_country_of_its_customer_at_that_time(warehouse: Staging) -> None:
    warehouse.put("customers", day(0), customer_id=1, country="Spain")
    sell(warehouse, 1, day(9))
    sell(warehouse, 2, day(10))
    warehouse.build()
    warehouse.put("customers", day(10), customer_id=1, country="Peru")
    written = warehouse.build()
    assert [country_of_sale(warehouse, rowid) for rowid in (1, 2)] == ["Spain", "Peru"]
    assert written["fact_sales"] == {"inserted": 0, "updated": 1, "deleted": 0}


def test_a_version_that_arrives_late_takes_over_the_sales_it_covers(warehouse: Staging) -> None:
    warehouse.put("customers", day(0), customer_id=1, country="Spain")
    warehouse.put("customers", day(30), customer_id=1, country="Oman")
    for rowid, number in enumerate((5, 15, 25, 35), start=1):
        sell(warehouse, rowid, day(number))
    warehouse.build()
    warehouse.log("customers", day(10), customer_id=1, country="Peru")
    warehouse.build()
    assert customer_versions(warehouse) == [
        (1, "Spain", BEGINNING, day(10), False, False),
        (1, "Peru", day(10), day(30), False, False),
        (1, "Oman", day(30), None, True, False),
    ]
    countries = [country_of_sale(warehouse, rowid) for rowid in (1, 2, 3, 4)]
    assert countries == ["Spain", "Peru", "Peru", "Oman"]


def test_a_version_that_arrives_late_and_is_the_first_takes_over_what_was_before(warehouse: Staging) -> None:
    warehouse.put("customers", day(20), customer_id=1, country="Spain")
    sell(warehouse, 1, day(5))
    sell(warehouse, 2, day(25))
    warehouse.build()
    warehouse.log("customers", day(10), customer_id=1, country="Peru")
    warehouse.build()
    assert [country_of_sale(warehouse, rowid) for rowid in (1, 2)] == ["Peru", "Spain"]


def test_a_version_that_an_earlier_one_takes_in_hands_over_its_sales(warehouse: Staging) -> None:
    warehouse.put("toys", day(0), _id="t1", product_id=1, category="Games")
    warehouse.put("toys", day(20), _id="t1", product_id=1, category="Toys")
    sell(warehouse, 1, day(15))
    sell(warehouse, 2, day(25))
    warehouse.build()
    warehouse.log("toys", day(10), _id="t1", product_id=1, category="Toys")
    warehouse.build()
    assert product_versions(warehouse) == [
        (1, "toys/t1", "Games", BEGINNING, day(10)),
        (1, "toys/t1", "Toys", day(10), None),
    ]
    sales = warehouse.rows("SELECT valid_from FROM star.fact_sales JOIN star.dim_product USING (product_key)")
    assert [row["valid_from"] for row in sales] == [day(10), day(10)]


def test_a_deleted_customer_has_no_current_version_and_a_new_one_after_the_return(warehouse: Staging) -> None:
    warehouse.put("customers", day(0), customer_id=1, country="Spain")
    warehouse.build(*CUSTOMER_MODELS)
    warehouse.remove("customers", 1, day(10))
    warehouse.build(*CUSTOMER_MODELS)
    assert customer_versions(warehouse) == [(1, "Spain", BEGINNING, day(10), False, False)]
    warehouse.put("customers", day(20), customer_id=1, country="Spain")
    warehouse.build(*CUSTOMER_MODELS)
    assert customer_versions(warehouse) == [
        (1, "Spain", BEGINNING, day(10), False, False),
        (1, "Spain", day(20), None, True, False),
    ]


def test_a_sale_to_a_deleted_customer_belongs_to_the_version_before(warehouse: Staging) -> None:
    warehouse.put("customers", day(0), customer_id=1, country="Spain")
    warehouse.remove("customers", 1, day(10))
    warehouse.put("customers", day(20), customer_id=1, country="Peru")
    sell(warehouse, 1, day(15))
    warehouse.build()
    assert country_of_sale(warehouse, 1) == "Spain"


def test_an_unknown_customer_is_inferred_and_becomes_real_under_the_same_key(warehouse: Staging) -> None:
    sell(warehouse, 1, day(5), customer_id=7)
    warehouse.build()
    assert customer_versions(warehouse) == [(7, "Unknown", BEGINNING, None, True, True)]
    assert country_of_sale(warehouse, 1) == "Unknown"
    key = warehouse.value("SELECT customer_key FROM star.fact_sales")

    warehouse.put("customers", day(8), customer_id=7, country="Spain")
    warehouse.build()
    assert customer_versions(warehouse) == [(7, "Spain", BEGINNING, None, True, False)]
    assert country_of_sale(warehouse, 1) == "Spain"
    assert warehouse.value("SELECT customer_key FROM star.fact_sales") == key


def test_an_inferred_member_goes_with_the_last_sale_that_mentions_it(warehouse: Staging) -> None:
    sell(warehouse, 1, day(5), customer_id=7)
    sell(warehouse, 2, day(5), customer_id=7)
    warehouse.build(*CUSTOMER_MODELS)
    warehouse.remove("sales_data", 1, day(6))
    warehouse.build(*CUSTOMER_MODELS)
    assert len(customer_versions(warehouse)) == 1
    sell(warehouse, 2, day(5), customer_id=8)
    warehouse.build(*CUSTOMER_MODELS)
    assert [row[0] for row in customer_versions(warehouse)] == [8]


def test_a_product_without_category_is_in_that_of_its_collection(warehouse: Staging) -> None:
    warehouse.put("toys", _id="t1", product_id=1, model="Kite")
    warehouse.put("toys", _id="t2", product_id=2, model="Ball", category="Sports")
    warehouse.put("toys", _id="t3", model="Top")
    warehouse.build("dim_product")
    assert product_versions(warehouse) == [
        (1, "toys/t1", "Toys", BEGINNING, None),
        (2, "toys/t2", "Sports", BEGINNING, None),
        (None, "toys/t3", "Toys", BEGINNING, None),
    ]
