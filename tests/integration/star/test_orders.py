"""Order lines from files to invoices, items, dimensions that keep history, and the fact."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from resources.files import LAYOUTS
from softcart_assets.file_tables import ORDER_LINES
from sync.engine import run_pass
from sync.sources.files.source import FileSource, Place
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.star.staging import BEGINNING, Staging

MODELS = ("invoices", "items", "dim_order_customer", "dim_order_product", "fact_order_lines")
CHECKS = (
    "order_sums_agree",
    "order_contradictions",
    "order_customer_versions_are_sound",
    "order_product_versions_are_sound",
)
HEADER = [column.source_name for column in ORDER_LINES.columns if not column.name.startswith("object_")]
DAY = date(2026, 1, 1)
Row = dict[str, Any]


def line(order: int, number: int = 1, **values: Any) -> Row:
    """A line of the sample's columns, with plain values where none are given."""
    plain: Row = dict.fromkeys(HEADER, "")
    plain |= {
        "ORDERNUMBER": order,
        "ORDERLINENUMBER": number,
        "ORDERDATE": f"{DAY} 00:00:00",
        "STATUS": "Shipped",
        "QUANTITYORDERED": 2,
        "PRICEEACH": "10.00",
        "SALES": "20.00",
        "PRODUCTCODE": "P1",
        "PRODUCTLINE": "Puzzles",
        "MSRP": "12",
        "CUSTOMERNAME": "Ada Ltd",
        "CITY": "Berlin",
    }
    assert values.keys() <= plain.keys()
    return plain | values


class Orders:
    """A folder where order lines arrive, staging, and what is built there."""

    def __init__(self, warehouse: Staging, folder: Path) -> None:
        self.warehouse = warehouse
        self.folder = folder

    def arrive(self, name: str, *lines: Row, encoding: str = "utf-8") -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, [name for name in HEADER if name in lines[0]])
        writer.writeheader()
        writer.writerows(lines)
        (self.folder / name).write_bytes(text.getvalue().encode(encoding))

    def sync(self) -> None:
        source = FileSource({"orders": Place(str(self.folder), LAYOUTS["orders"])})
        run_pass(ORDER_LINES, source, PostgreSQLTarget(self.warehouse.url), "test")

    def build(self) -> dict[str, dict[str, int]]:
        """Sync and build; what each model wrote that had something to do."""
        self.sync()
        return self.warehouse.build(*MODELS, *CHECKS)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.warehouse.rows(query)]

    def versions(self, dimension: str, *columns: str) -> list[tuple[Any, ...]]:
        named = ", ".join(columns)
        return self.rows(
            f"SELECT {named}, valid_from, valid_to FROM orders.{dimension} WHERE NOT _deleted"
            f" AND {columns[0]} IS NOT NULL ORDER BY {columns[0]}, valid_from"
        )

    def fact(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT f.order_number, f.line_number, c.city, p.product_line, p.list_price, f.sales"
            " FROM orders.fact_order_lines f JOIN orders.dim_order_customer c USING (customer_key)"
            " JOIN orders.dim_order_product p USING (product_key) WHERE NOT f._deleted ORDER BY 1, 2"
        )


@pytest.fixture
def orders(warehouse: Staging, tmp_path: Path) -> Iterator[Orders]:
    warehouse.execute("DROP TABLE raw.order_lines, history.order_lines")
    yield Orders(warehouse, tmp_path)


def test_a_file_in_the_samples_form_becomes_invoices_and_items_whose_sums_agree(orders: Orders) -> None:
    def sampled(*arguments: Any, **values: Any) -> Row:
        made = line(*arguments, ORDERDATE="2/24/2003 0:00", **values)
        del made["UPDATED_AT"]
        return made

    orders.arrive(
        "sales_data_sample.csv",
        sampled(1, 1, SALES="20.50", CUSTOMERNAME="Hüte & Söhne, Luleå"),
        sampled(1, 2, SALES="0.25", PRODUCTCODE="P2", CUSTOMERNAME="Hüte & Söhne, Luleå"),
        sampled(2, 7, STATUS="Cancelled"),
        encoding="cp1252",
    )
    orders.build()
    assert orders.rows(
        "SELECT order_number, order_date, status, customer_name, total FROM orders.invoices"
    ) == [
        (1, date(2003, 2, 24), "Shipped", "Hüte & Söhne, Luleå", Decimal("20.75")),
        (2, date(2003, 2, 24), "Cancelled", "Ada Ltd", Decimal("20.00")),
    ]
    assert orders.rows("SELECT line_number, product_code, sales FROM orders.items ORDER BY 1") == [
        (1, "P1", Decimal("20.50")),
        (2, "P2", Decimal("0.25")),
        (7, "P1", Decimal("20.00")),
    ]


def test_a_customer_who_moves_and_a_product_that_changes_keep_their_history(orders: Orders) -> None:
    march, june = DAY + timedelta(days=60), DAY + timedelta(days=150)
    orders.arrive("a.csv", line(1), line(2, ORDERDATE=f"{march} 09:30:00", CITY="Rome", MSRP="15"))
    orders.build()
    midnight = datetime.combine(march, datetime.min.time(), BEGINNING.tzinfo)
    moved = [("Ada Ltd", "Berlin", BEGINNING, midnight), ("Ada Ltd", "Rome", midnight, None)]
    assert orders.versions("dim_order_customer", "customer_name", "city") == moved
    assert [row[1] for row in orders.versions("dim_order_product", "product_code", "list_price")] == [12, 15]
    orders.arrive("b.csv", line(3, ORDERDATE=f"{june} 00:00:00", CITY="Rome", MSRP="15"))
    written = orders.build()
    assert "dim_order_customer" not in written or not any(written["dim_order_customer"].values())
    assert [row[2] for row in orders.fact()] == ["Berlin", "Rome", "Rome"]


def test_an_order_that_comes_late_and_a_correction_change_the_past(orders: Orders) -> None:
    days = [DAY + timedelta(days=each) for each in (0, 10, 20)]
    orders.arrive("a.csv", line(1), line(3, ORDERDATE=f"{days[2]}"))
    orders.build()
    assert len(orders.versions("dim_order_customer", "customer_name", "city")) == 1
    orders.arrive("late.csv", line(2, ORDERDATE=f"{days[1]}", CITY="Oslo"))
    orders.build()
    cities = [row[1] for row in orders.versions("dim_order_customer", "customer_name", "city")]
    assert cities == ["Berlin", "Oslo", "Berlin"]
    corrected = line(2, ORDERDATE=f"{days[1]}", SALES="30.00", UPDATED_AT="2026-02-01 00:00:00+00")
    orders.arrive("correction.csv", corrected)
    orders.build()
    assert [row[1] for row in orders.versions("dim_order_customer", "customer_name", "city")] == ["Berlin"]
    assert [(row[2], row[5]) for row in orders.fact()] == [
        ("Berlin", Decimal("20.00")),
        ("Berlin", Decimal("30.00")),
        ("Berlin", Decimal("20.00")),
    ]


def test_a_file_twice_changes_nothing(orders: Orders) -> None:
    orders.arrive("a.csv", line(1), line(1, 2, PRODUCTCODE="P2"))
    orders.build()
    before = orders.fact()
    orders.arrive("a again.csv", line(1), line(1, 2, PRODUCTCODE="P2"))
    written = orders.build()
    assert [counts for counts in written.values() if any(counts.values())] == []
    assert orders.fact() == before


def test_contradictions_inside_an_order_are_reported_and_hold_nothing_up(orders: Orders) -> None:
    orders.arrive(
        "a.csv",
        line(1),
        line(1, 2, CUSTOMERNAME="Bea Ltd", ORDERDATE=f"{DAY + timedelta(days=1)}"),
        line(2),
    )
    orders.sync()
    results = orders.warehouse.dbt(*MODELS, *CHECKS)
    assert {
        name: result.status for name, result in results.items() if result.status not in ("success", "pass")
    } == {"order_contradictions": "warn"}
    assert orders.rows("SELECT order_number, total FROM orders.invoices ORDER BY 1") == [(1, 40), (2, 20)]


def test_sums_that_do_not_agree_block(orders: Orders) -> None:
    orders.arrive("a.csv", line(1), line(2))
    orders.build()
    orders.warehouse.execute("UPDATE orders.items SET sales = 21 WHERE order_number = 2")
    results = orders.warehouse.dbt("order_sums_agree")
    assert results["order_sums_agree"].status == "fail"


def test_histories_are_those_of_an_oracle_whatever_comes_when(orders: Orders) -> None:
    """Random orders, moves, corrections and changes of the customer, in files that come in random order."""
    chance = random.Random(3)
    newest: dict[tuple[int, int], Row] = {}
    for round_ in range(5):
        lines = []
        for _ in range(chance.randint(5, 14)):
            order = chance.randint(1, 12)
            stamp = datetime(2026, 6, chance.randint(1, 20), chance.randint(0, 23), chance.randint(0, 59))
            made = line(
                order,
                chance.randint(1, 3),
                ORDERDATE=f"{DAY + timedelta(days=order * 7 % 11)}",
                CUSTOMERNAME=chance.choice(["Ada", "Bea"]),
                CITY=chance.choice(["Rome", "Oslo", ""]),
                PRODUCTCODE=chance.choice(["P1", "P2", "P3"]),
                PRODUCTLINE=chance.choice(["Kites", "Dolls"]),
                MSRP=str(chance.randint(1, 2)),
                SALES=f"{chance.randint(1, 99)}.{round_:02}",
                UPDATED_AT=f"{stamp}+00",
            )
            lines.append(made)
            key = made["ORDERNUMBER"], made["ORDERLINENUMBER"]
            if key not in newest or newest[key]["UPDATED_AT"] <= made["UPDATED_AT"]:
                newest[key] = made
        orders.arrive(f"{round_}.csv", *lines)
        orders.sync()
        results = orders.warehouse.dbt(*MODELS, *CHECKS)
        assert {result.status for result in results.values()} <= {"success", "pass", "warn"}
        check_against_oracle(orders, newest)


def check_against_oracle(orders: Orders, newest: Mapping[tuple[int, int], Row]) -> None:
    customers = oracle(newest, "CUSTOMERNAME", ("CITY",))
    products = oracle(newest, "PRODUCTCODE", ("PRODUCTLINE", "MSRP"))
    held = orders.versions("dim_order_customer", "customer_name", "city")
    assert [(name, city or "", start, end) for name, city, start, end in held] == [
        (name, *attributes, start, end) for name, attributes, start, end in customers
    ]
    held = orders.versions("dim_order_product", "product_code", "product_line", "list_price::int::text")
    assert [tuple(row) for row in held] == [
        (code, *attributes, start, end) for code, attributes, start, end in products
    ]
    expected = []
    for (order, number), row in sorted(newest.items()):
        (city,) = at(customers, row["CUSTOMERNAME"], row)
        product_line, price = at(products, row["PRODUCTCODE"], row)
        expected.append((order, number, city or None, product_line, Decimal(price), Decimal(row["SALES"])))
    assert orders.fact() == expected


def moment(row: Row) -> datetime:
    return datetime.fromisoformat(row["ORDERDATE"]).replace(tzinfo=BEGINNING.tzinfo)


def oracle(newest: Mapping[Any, Row], member: str, attributes: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Member, attributes, from and to of each version, by a walk through the days."""
    versions: list[tuple[Any, ...]] = []
    for name in sorted({row[member] for row in newest.values()}):
        spoken: dict[datetime, tuple[Any, ...]] = {}
        for row in newest.values():
            if row[member] == name:
                rank = row["ORDERNUMBER"], row["UPDATED_AT"], row["ORDERLINENUMBER"]
                said = (rank, tuple(row[each] for each in attributes))
                spoken[moment(row)] = max(spoken.get(moment(row), said), said)
        of_member: list[list[Any]] = []
        for day, (_, values) in sorted(spoken.items()):
            if not of_member or of_member[-1][1] != values:
                if of_member:
                    of_member[-1][3] = day
                of_member.append([name, values, day if of_member else BEGINNING, None])
        versions += [tuple(version) for version in of_member]
    return versions


def at(versions: list[tuple[Any, ...]], name: str, row: Row) -> tuple[str, ...]:
    """What a member was on the day of an order."""
    [found] = [
        values
        for member, values, start, end in versions
        if member == name and start <= moment(row) and (end is None or moment(row) < end)
    ]
    return tuple(found)
