"""The fact: every sale once, with its members, date and amount; only what changed is written again."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.star.staging import STAR, Batch, Staging, day, land_history

ZONE = "Asia/Tokyo"  # nine hours before UTC


def sale(warehouse: Staging, source_id: int, origin: str = "shop") -> dict[str, Any]:
    [row] = warehouse.rows(
        "SELECT f.*, d.date, c.country, k.category FROM star.fact_sales f"
        " JOIN star.dim_date d USING (date_key) JOIN star.dim_country c USING (country_key)"
        " JOIN star.dim_category k USING (category_key)"
        " WHERE f.origin = %s AND f.source_id = %s AND NOT f._deleted",
        [origin, source_id],
    )
    return row


def test_a_shop_sale_has_its_local_date_and_the_instant_it_was_made(warehouse: Staging) -> None:
    warehouse.timezone = ZONE
    warehouse.put(
        "sales_data", rowid=1, price=Decimal("2.50"), quantity=3, timestamp=datetime(2024, 7, 1, 0, 30)
    )
    warehouse.build()
    row = sale(warehouse, 1)
    assert row["date"] == date(2024, 7, 1)
    assert row["sold_at"] == datetime(2024, 6, 30, 15, 30, tzinfo=UTC)
    assert (row["price"], row["quantity"], row["amount"]) == (Decimal("2.50"), 3, Decimal("7.50"))


def test_no_sale_is_dropped_for_what_is_not_known_of_it(warehouse: Staging) -> None:
    land_history(warehouse)
    warehouse.put("sales_data", rowid=1)
    warehouse.put("sales_data", rowid=2, product_id=5, customer_id=6, price=4, quantity=1, timestamp=day(0))
    warehouse.build()
    assert warehouse.value("SELECT count(*) FROM star.fact_sales WHERE NOT _deleted") == 5
    nothing_known = sale(warehouse, 1)
    assert [nothing_known[f"{name}_key"] for name in ("date", "country", "category", "product")] == [0] * 4
    assert nothing_known["amount"] is None
    unresolved = sale(warehouse, 3, "history")
    assert (unresolved["date"], unresolved["country"], unresolved["category"]) == (None, "Unknown", "Books")
    members_unknown = sale(warehouse, 2)
    assert members_unknown["product_key"] != 0
    assert (members_unknown["country"], members_unknown["category"]) == ("Unknown", "Unknown")


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_a_sale_of_any_number_that_a_source_can_hold_has_its_key(warehouse: Staging, number: int) -> None:
    warehouse.put("sales_data", rowid=number, price=1, quantity=1, timestamp=day(0))
    warehouse.put("fact_sales", orderid=number, amount=2)
    warehouse.build()
    assert sale(warehouse, number)["amount"] == 1
    assert sale(warehouse, number, "history")["amount"] == 2


def test_history_and_shop_share_members_however_they_are_spelled(warehouse: Staging) -> None:
    land_history(warehouse)
    warehouse.put("customers", customer_id=1, country=" south  KOREA ")
    warehouse.put("toys", _id="t1", product_id=1)
    warehouse.put("sales_data", rowid=1, product_id=1, customer_id=1, price=1, quantity=1, timestamp=day(1))
    warehouse.build()
    row = sale(warehouse, 1)
    assert (row["country"], row["category"]) == ("South Korea", "Toys")
    countries = warehouse.rows("SELECT country, country_id FROM star.dim_country ORDER BY country_id")
    assert [tuple(country.values()) for country in countries] == [
        ("Spain", 1), ("South Korea", 2), ("Unknown", None)
    ]  # fmt: skip


def test_a_corrected_and_a_cancelled_sale_reach_the_fact(warehouse: Staging) -> None:
    for rowid in (1, 2, 3):
        warehouse.put("sales_data", rowid=rowid, product_id=1, price=5, quantity=1, timestamp=day(rowid))
    warehouse.build()
    warehouse.put("sales_data", rowid=1, product_id=1, price=5, quantity=4, timestamp=day(1))
    warehouse.remove("sales_data", 2, day(4))
    assert warehouse.build()["fact_sales"] == {"inserted": 0, "updated": 1, "deleted": 1}
    assert sale(warehouse, 1)["amount"] == 20
    assert warehouse.value("SELECT _deleted FROM star.fact_sales WHERE source_id = 2") is True
    warehouse.put("sales_data", rowid=2, product_id=1, price=6, quantity=1, timestamp=day(2))
    assert warehouse.build()["fact_sales"] == {"inserted": 1, "updated": 0, "deleted": 0}
    assert sale(warehouse, 2)["amount"] == 6


def test_a_changed_member_of_the_history_reaches_its_sales(warehouse: Staging) -> None:
    land_history(warehouse)
    warehouse.build()
    warehouse.put("dim_country", countryid=1, country="Portugal")
    warehouse.put("dim_date", dateid=99, date=date(2020, 5, 5))
    warehouse.build()
    assert sale(warehouse, 1, "history")["country"] == "Portugal"
    assert sale(warehouse, 3, "history")["date"] == date(2020, 5, 5)


def test_a_run_with_nothing_new_draws_no_batch_and_writes_nothing(warehouse: Staging) -> None:
    land_history(warehouse)
    warehouse.put("sales_data", rowid=1, product_id=1, customer_id=1, price=1, quantity=1, timestamp=day(1))
    warehouse.build()
    before = warehouse.rows(
        "SELECT (SELECT last FROM sync.batch), model, batch, built_at, xmin::text FROM sync.models"
    )
    assert warehouse.build() == {}
    after = warehouse.rows(
        "SELECT (SELECT last FROM sync.batch), model, batch, built_at, xmin::text FROM sync.models"
    )
    assert after == before


def test_keys_are_constraints_also_after_the_second_run(warehouse: Staging) -> None:
    land_history(warehouse)
    warehouse.build()
    warehouse.put("sales_data", rowid=1, product_id=1, customer_id=1, price=1, quantity=1, timestamp=day(1))
    warehouse.build()
    constraints = warehouse.rows(
        "SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint"
        " WHERE conrelid = 'star.fact_sales'::regclass AND contype IN ('p', 'f') AND convalidated ORDER BY 1"
    )
    assert [row["definition"] for row in constraints] == [
        "FOREIGN KEY (category_key) REFERENCES star.dim_category(category_key)",
        "FOREIGN KEY (country_key) REFERENCES star.dim_country(country_key)",
        "FOREIGN KEY (customer_key) REFERENCES star.dim_customer(customer_key)",
        "FOREIGN KEY (date_key) REFERENCES star.dim_date(date_key)",
        "FOREIGN KEY (product_key) REFERENCES star.dim_product(product_key)",
        "PRIMARY KEY (sale_key)",
    ]


def test_another_zone_rebuilds_the_fact_in_place(warehouse: Staging) -> None:
    warehouse.put(
        "sales_data", rowid=1, product_id=1, price=1, quantity=1, timestamp=datetime(2024, 1, 1, 12)
    )
    warehouse.build()
    table = warehouse.value("SELECT 'star.fact_sales'::regclass::oid")
    warehouse.timezone = ZONE
    assert warehouse.build() == {"fact_sales": {"inserted": 0, "updated": 1, "deleted": 0}}
    assert sale(warehouse, 1)["sold_at"] == datetime(2024, 1, 1, 3, tzinfo=UTC)
    assert warehouse.value("SELECT 'star.fact_sales'::regclass::oid") == table


def test_after_the_state_was_made_anew_every_row_gets_a_number_of_the_new_count(warehouse: Staging) -> None:
    for _ in range(20):
        warehouse.put("sales_data", rowid=1, product_id=1, price=1, quantity=1, timestamp=day(1))
    warehouse.build()
    warehouse.execute("UPDATE sync.batch SET last = 0; UPDATE sync.identity SET id = gen_random_uuid()")
    warehouse.execute("UPDATE raw.sales_data SET _batch = sync.next_batch()")
    warehouse.build()
    for table in STAR:
        assert warehouse.value(f"SELECT max(_batch) <= (SELECT last FROM sync.batch) FROM star.{table}")
    assert warehouse.build() == {}


class Shop:
    """A small shop in which things happen at random: everything that a source or a landed file can do."""

    def __init__(self, warehouse: Staging, seed: int) -> None:
        self.warehouse = warehouse
        self.chance = random.Random(seed)
        self.now = 0

    def happen(self, changes: int) -> None:
        """So many changes, in one to three batches."""
        for _ in range(self.chance.randint(1, 3)):
            with self.warehouse.batch() as batch:
                for _ in range(changes):
                    self.now += 1
                    self.chance.choice(
                        [self.sell, self.sell, self.cancel, self.move, self.offer, self.retire]
                    )(batch)

    def id(self) -> int | None:
        return self.chance.choice([None, 1, 2, 3, 4, 5, 6])

    def sell(self, batch: Batch) -> None:
        batch.put(
            "sales_data",
            rowid=self.chance.randint(1, 25),
            product_id=self.id(),
            customer_id=self.id(),
            price=self.chance.choice([None, Decimal("1.10"), 7]),
            quantity=self.chance.randint(1, 3),
            timestamp=self.chance.choice([None, day(self.chance.randint(0, 400)).replace(tzinfo=None)]),
        )

    def cancel(self, batch: Batch) -> None:
        batch.remove("sales_data", self.chance.randint(1, 25), day(self.now))

    def move(self, batch: Batch) -> None:
        customer = self.chance.randint(1, 5)
        country = self.chance.choice([None, "Spain", "SPAIN", "Peru", "Oman"])
        if self.chance.random() < 0.2:
            batch.remove("customers", customer, day(self.now))
        elif self.chance.random() < 0.3:
            batch.append("history", "customers", {"customer_id": customer, "country": country, **self.late()})
        else:
            batch.put("customers", day(self.now), customer_id=customer, country=country)

    def offer(self, batch: Batch) -> None:
        number = self.chance.randint(1, 6)
        collection = self.chance.choice(["toys", "books"])
        item = {
            "_id": f"{collection}{number}",
            "product_id": self.chance.choice([number, number, number + 1, None]),
            "category": self.chance.choice([None, "Toys", "Games"]),
            "price": self.chance.choice([1, 2]),
        }
        if self.chance.random() < 0.3:
            batch.append("history", collection, {**item, **self.late()})
        else:
            batch.put(collection, day(self.now), **item)

    def late(self) -> dict[str, Any]:
        """A version that only the change log learns of, between two others."""
        at = day(self.chance.randint(0, self.now)) + timedelta(seconds=self.now)
        return {"_changed_at": at, "_deleted": False}

    def retire(self, batch: Batch) -> None:
        collection = self.chance.choice(["toys", "books"])
        batch.remove(collection, f"{collection}{self.chance.randint(1, 6)}", day(self.now))


@pytest.mark.parametrize("seed", [1, 2])
def test_building_what_changed_equals_building_everything(warehouse: Staging, seed: int) -> None:
    shop = Shop(warehouse, seed)
    land_history(warehouse)
    for _ in range(4):
        shop.happen(changes=8)
        warehouse.build()
    # A build of everything finds nothing to write.
    warehouse.execute("UPDATE sync.models SET fingerprint = ''")
    everything = warehouse.build()
    assert set(everything) == set(STAR)
    assert [counts for counts in everything.values() if any(counts.values())] == []
    # And on empty tables it makes the same rows.
    rows = {table: live_rows(warehouse, table) for table in STAR}
    warehouse.execute("DROP SCHEMA star CASCADE")
    warehouse.build()
    assert {table: live_rows(warehouse, table) for table in STAR} == rows


def live_rows(warehouse: Staging, table: str) -> list[dict[str, Any]]:
    rows = warehouse.rows(f"SELECT * FROM star.{table} WHERE NOT _deleted ORDER BY 1")
    return [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]
