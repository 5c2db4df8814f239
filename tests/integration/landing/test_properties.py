"""Whatever a file holds and whatever the shop does in between: no line is lost, none lands twice, and the
shop keeps what it changed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as PostgresConnection

from landing.files import CUSTOMERS, OLTPDATA
from landing.shop import ensure_shop, land_csv
from tests.integration.landing.reading import quarantine, rows

ON_SERVERS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
GOOD_SALES = [f"{number},{number},1.00,1,2024-05-01 08:00:00" for number in range(3)]
BAD_SALES = ["", ",,,,", "1,2,3", "1,1,1,1,yesterday", '1,"1,1,1,2024-05-01 08:00:00', "1,1,1,1,\x00"]

sales_files = st.lists(
    st.lists(st.sampled_from(GOOD_SALES + BAD_SALES), max_size=12).map(lambda lines: [*lines, GOOD_SALES[0]]),
    min_size=1,
    max_size=3,
)


@ON_SERVERS
@given(sales_files)
def test_each_line_of_a_file_is_a_sale_or_in_quarantine(
    shop: Any, warehouse: PostgresConnection, tmp_path: Path, files: list[list[str]]
) -> None:
    ensure_shop(shop)
    for table in ("sales_data", "_landed_files", "_landed_lines"):
        shop.cursor().execute(f"DELETE FROM {table}")
    expected: Counter[str] = Counter()
    for lines in files:
        (tmp_path / OLTPDATA.name).write_text("\n".join(lines))
        good = Counter(line for line in lines if line in GOOD_SALES)
        bad = sum(1 for line in lines if line in BAD_SALES and line)
        result = land_csv(OLTPDATA, tmp_path, shop, warehouse)
        assert result.inserted == (good - expected).total()
        assert (result.landed, result.quarantined) == (good.total(), bad)
        assert len(quarantine(warehouse)) == bad
        expected |= good
    found = rows(
        shop, "SELECT CONCAT_WS(',', product_id, customer_id, price, quantity, `timestamp`) FROM sales_data"
    )
    assert Counter(line for (line,) in found) == expected


# What happens to customers: the file names their city or drops them, the shop sets it or deletes them.
events = st.lists(
    st.tuples(
        st.sampled_from(["file", "shop"]),
        st.dictionaries(st.integers(1, 4), st.sampled_from([None, "Oslo", "oslo", "Rome"]), max_size=4),
    ),
    max_size=6,
)


@ON_SERVERS
@given(events)
def test_whatever_the_order_of_landings_and_changes_the_shop_keeps_its_own(
    shop: Any, warehouse: PostgresConnection, tmp_path: Path, history: list[tuple[str, dict[int, str | None]]]
) -> None:
    ensure_shop(shop)
    for table in ("customers", "_landed_files", "_landed_rows_customers"):
        shop.cursor().execute(f"DELETE FROM {table}")
    present: dict[int, str] = {}
    landed: dict[int, str] = {}
    for side, cities in history:
        named = {number: city for number, city in cities.items() if city}
        if side == "shop":
            _change(shop, cities)
            present = {**{k: v for k, v in present.items() if k not in cities}, **named}
            continue
        lines = "".join(f"{number},,,,{city},\n" for number, city in named.items())
        (tmp_path / CUSTOMERS.name).write_text(f"{','.join(CUSTOMERS.columns)}\n{lines}")
        conflicts = set()
        for number, city in named.items():
            if landed.get(number) == city or present.get(number) == city:
                continue
            if present.get(number) == landed.get(number):
                present[number] = city
            else:
                conflicts.add(str(number))
        landed |= named
        result = land_csv(CUSTOMERS, tmp_path, shop, warehouse)
        assert set(result.conflict_keys) >= conflicts
        assert dict(rows(shop, "SELECT customer_id, city FROM customers")) == present


def _change(shop: Any, cities: dict[int, str | None]) -> None:
    with shop.cursor() as cursor:
        for number, city in cities.items():
            cursor.execute("DELETE FROM customers WHERE customer_id = %s", (number,))
            if city:
                cursor.execute("INSERT INTO customers (customer_id, city) VALUES (%s, %s)", (number, city))
