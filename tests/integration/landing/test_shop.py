"""The shop's CSV files in real MySQL: landed once, however often, and never over the shop's own work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as PostgresConnection

from landing.files import CUSTOMERS, INVENTORY, OLTPDATA, SHOP_FILES
from landing.mysql_memory import landed_rows
from landing.mysql_store import LineStore
from landing.result import LandingError, LandingResult
from landing.shop import ensure_shop, land_csv
from landing.spec import FileSpec
from sync.connections.mysql import connect_mysql
from sync.connections.postgresql import connect_postgresql
from tests.integration.landing.killing import Fuse, killed_again_and_again
from tests.integration.landing.reading import quarantine, rows

SALES = "1,10,9.99,1,2024-05-01 08:00:00\n2,20,5,2,2024-05-01 08:00:01\n"
HEADER = "customer_id,first_name,last_name,email,city,country\n"

Land = Callable[..., LandingResult]


@pytest.fixture
def land(shop: Any, warehouse: PostgresConnection, tmp_path: Path) -> Land:
    def land_content(spec: FileSpec, content: str | bytes, **options: Any) -> LandingResult:
        (tmp_path / spec.name).write_bytes(content.encode() if isinstance(content, str) else content)
        return land_csv(spec, tmp_path, shop, warehouse, **options)

    return land_content


def sales(shop: Any) -> list[tuple[Any, ...]]:
    return rows(
        shop,
        "SELECT product_id, customer_id, CAST(price AS CHAR), quantity, CAST(`timestamp` AS CHAR)"
        " FROM sales_data ORDER BY rowid",
    )


def cities(shop: Any) -> dict[int, str]:
    return dict(rows(shop, "SELECT customer_id, city FROM customers"))


def customers(**places: str) -> str:
    """A file of customers `c1`, `c2`, … who live in these cities."""
    return HEADER + "".join(f"{name[1:]},Ann,Doe,ann@example.org,{city},\n" for name, city in places.items())


def test_without_files_the_tables_are_there_and_empty(
    shop: Any, warehouse: PostgresConnection, tmp_path: Path
) -> None:
    for spec in SHOP_FILES:
        result = land_csv(spec, tmp_path, shop, warehouse)
        assert (result.present, result.rows_in_file) == (False, 0)
    assert (sales(shop), cities(shop)) == ([], {})


def test_a_folder_that_is_missing_and_a_folder_in_the_files_place_are_named(
    shop: Any, warehouse: PostgresConnection, tmp_path: Path
) -> None:
    with pytest.raises(LandingError, match=r"landing folder .*/nowhere does not exist"):
        land_csv(OLTPDATA, tmp_path / "nowhere", shop, warehouse)
    (tmp_path / "oltpdata.csv").mkdir()
    with pytest.raises(LandingError, match=r"oltpdata\.csv: .* is not a regular file"):
        land_csv(OLTPDATA, tmp_path, shop, warehouse)


def test_the_tables_hold_what_the_files_declare(shop: Any) -> None:
    ensure_shop(shop)
    types = {
        (table, column): type_
        for table, column, type_ in rows(
            shop,
            "SELECT table_name, column_name, column_type FROM information_schema.columns"
            " WHERE table_schema = 'shop'",
        )
    }
    assert types["sales_data", "price"] == "decimal(12,2)"
    assert types["sales_data", "timestamp"] == "datetime"
    for spec in SHOP_FILES:
        assert types[spec.table, "created_at"] == types[spec.table, "updated_at"] == "timestamp(6)"
        for name in spec.columns:
            assert types[spec.table, name] == types.get(
                (landed_rows(spec.table), name), types[spec.table, name]
            )
    [index] = rows(shop, "SHOW INDEX FROM sales_data WHERE Key_name = 'ts'")
    assert index[4] == "timestamp"


def test_the_server_keeps_the_time_of_the_last_change(shop: Any, land: Land) -> None:
    land(CUSTOMERS, customers(c1="Oslo", c2="Bergen"))
    shop.cursor().execute("UPDATE customers SET city = 'Tromsø' WHERE customer_id = 1")
    times = "SELECT customer_id, updated_at > created_at FROM customers ORDER BY customer_id"
    assert rows(shop, times) == [(1, 1), (2, 0)]


def test_sales_are_landed_once(shop: Any, land: Land) -> None:
    first, again = land(OLTPDATA, SALES), land(OLTPDATA, SALES)
    assert (first.inserted, again.inserted, again.unchanged) == (2, 0, 2)
    assert sales(shop) == [
        (1, 10, "9.99", 1, "2024-05-01 08:00:00"),
        (2, 20, "5.00", 2, "2024-05-01 08:00:01"),
    ]


def test_only_lines_that_were_added_are_inserted_however_the_file_is_written(shop: Any, land: Land) -> None:
    land(OLTPDATA, SALES)
    spelled_otherwise = SALES.replace("\n", "\r\n").replace(",5,", ', "5.00" ,')
    result = land(OLTPDATA, "\ufeff3,30,1,1,2024-05-02 00:00:00\n" + spelled_otherwise)
    assert (result.rows_in_file, result.inserted, result.unchanged) == (3, 1, 2)
    assert [row[0] for row in sales(shop)] == [1, 2, 3]


def test_equal_lines_are_as_many_sales(shop: Any, land: Land) -> None:
    line = "7,7,1.00,1,2024-05-01 08:00:00\n"
    assert land(OLTPDATA, line * 2).inserted == 2
    assert land(OLTPDATA, line * 5).inserted == 3
    assert land(OLTPDATA, line * 4).inserted == 0
    assert len(sales(shop)) == 5


def test_a_sale_that_vanished_from_the_file_stays_and_one_that_the_shop_deleted_stays_away(
    shop: Any, land: Land
) -> None:
    land(OLTPDATA, SALES)
    shop.cursor().execute("DELETE FROM sales_data WHERE product_id = 1")
    first_line = SALES.splitlines(keepends=True)[0]
    assert land(OLTPDATA, first_line).unchanged == 1
    assert [row[0] for row in sales(shop)] == [2]


def test_tables_that_were_dropped_are_landed_anew(shop: Any, land: Land) -> None:
    land(OLTPDATA, SALES)
    land(CUSTOMERS, customers(c1="Oslo"))
    shop.cursor().execute("DROP TABLE sales_data, customers")
    assert (land(OLTPDATA, SALES).inserted, land(CUSTOMERS, customers(c1="Oslo")).inserted) == (2, 1)
    assert cities(shop) == {1: "Oslo"}


def test_what_cannot_be_landed_is_quarantined_and_everything_else_lands(
    shop: Any, land: Land, warehouse: PostgresConnection
) -> None:
    result = land(OLTPDATA, SALES + "3,x,1,1,2024-05-02 00:00:00\n4,40,,1,2024-05-02 00:00:00\n")
    assert (result.rows_in_file, result.inserted, result.quarantined) == (4, 2, 2)
    assert quarantine(warehouse) == [
        ("shop.sales_data", "oltpdata.csv:3", "customer_id: 'x' is not a whole number",
         "3,x,1,1,2024-05-02 00:00:00"),
        ("shop.sales_data", "oltpdata.csv:4", "price: it is empty", "4,40,,1,2024-05-02 00:00:00"),
    ]  # fmt: skip
    assert len(sales(shop)) == 2


def test_quarantined_lines_are_replaced_at_each_landing_of_their_file(
    land: Land, warehouse: PostgresConnection
) -> None:
    land(OLTPDATA, "x\n" + SALES + "y\n")
    land(INVENTORY, "product_id,quantity,reorder_level\n1,many,2\n2,3,2\n")
    mended = land(OLTPDATA, "9,90,1,1,2024-05-02 00:00:00\n" + SALES + "y\n")
    assert (mended.inserted, mended.quarantined) == (1, 1)
    assert [key for _, key, _, _ in quarantine(warehouse)] == ["inventory.csv:2", "oltpdata.csv:4"]


def test_an_unchanged_file_reports_its_quarantined_lines_and_writes_nothing(
    shop: Any, land: Land, warehouse: PostgresConnection, urls: dict[str, str]
) -> None:
    def written() -> object:
        with connect_mysql(urls["SOFTCART_MYSQL_URL"]) as reader:
            log = rows(reader, "SHOW MASTER STATUS")
        return log, rows(warehouse, "SELECT last FROM sync.batch")

    land(OLTPDATA, SALES + "x\n")
    land(CUSTOMERS, customers(c1="Oslo"))
    before = written()
    again = land(OLTPDATA, SALES + "x\n")
    land(CUSTOMERS, customers(c1="Oslo"))
    assert (again.rows_in_file, again.unchanged, again.quarantined) == (3, 2, 1)
    assert written() == before


def test_a_quarantine_that_was_lost_with_staging_is_filled_again(
    land: Land, warehouse: PostgresConnection
) -> None:
    land(OLTPDATA, SALES + "x\n")
    rows(warehouse, "DELETE FROM quarantine.rejected_rows RETURNING 1")
    assert land(OLTPDATA, SALES + "x\n").unchanged == 2
    assert [key for _, key, _, _ in quarantine(warehouse)] == ["oltpdata.csv:3"]


def test_too_large_a_share_of_rejected_lines_lands_none_and_shows_them(
    shop: Any, land: Land, warehouse: PostgresConnection
) -> None:
    with pytest.raises(
        LandingError, match=r"1 of 3 lines .* more than 0\.3 .* line 3: has 1 values.*sync quarantine"
    ):
        land(OLTPDATA, SALES + "x\n", max_rejected_share=0.3)
    assert sales(shop) == []
    assert [key for _, key, _, _ in quarantine(warehouse)] == ["oltpdata.csv:3"]
    assert land(OLTPDATA, SALES + "x\n", max_rejected_share=0.34).inserted == 2


def test_a_file_without_one_good_line_is_never_a_success(
    shop: Any, land: Land, warehouse: PostgresConnection
) -> None:
    for _ in range(2):
        with pytest.raises(LandingError, match=r"inventory\.csv: 2 of 2 lines cannot be landed.* quantity"):
            land(INVENTORY, "product_id,quantity,reorder_level\n1,many,2\n2,few,2\n", max_rejected_share=1)
    assert len(quarantine(warehouse)) == 2
    assert land(INVENTORY, "product_id,quantity,reorder_level\n1,1,2\n").inserted == 1
    assert quarantine(warehouse) == []


def sold(*order: int) -> str:
    """Fifty sales whose products, customers, prices and quantities, in this order, are told by their size."""
    rows = [(5000 + n, 100_000 + n, 230 + n * 7, n % 5 + 1, f"2024-05-01 08:00:{n:02}") for n in range(50)]
    return "".join(",".join(str(row[place]) for place in order) + "\n" for row in rows)


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 2, 1, 3), (3, 0, 1, 2)])
def test_columns_in_another_order_without_a_header_are_refused_by_what_is_known(
    shop: Any, land: Land, tmp_path: Path, order: tuple[int, ...]
) -> None:
    land(OLTPDATA, sold(0, 1, 2, 3, 4))
    before = sales(shop)
    with pytest.raises(LandingError, match=r"oltpdata\.csv: its columns seem to be in another order"):
        land(OLTPDATA, sold(*order, 4))
    assert sales(shop) == before
    names = [OLTPDATA.columns[place] for place in (*order, 4)]
    assert land(OLTPDATA, ",".join(names) + "\n" + sold(*order, 4)).unchanged == 50


def test_columns_that_changed_places_are_refused_by_the_other_files_of_the_folder(
    shop: Any, land: Land, tmp_path: Path
) -> None:
    (tmp_path / CUSTOMERS.name).write_text(HEADER + "".join(f"{100_000 + n},,,,,\n" for n in range(60)))
    (tmp_path / INVENTORY.name).write_text(
        "product_id,quantity,reorder_level\n" + "".join(f"{5000 + n},1,1\n" for n in range(60))
    )
    with pytest.raises(LandingError, match="it has customer_id where product_id is expected"):
        land(OLTPDATA, sold(1, 0, 2, 3, 4))
    assert land(OLTPDATA, sold(0, 1, 2, 3, 4)).inserted == 50


def test_price_and_quantity_that_changed_places_are_refused_in_a_first_landing(shop: Any, land: Land) -> None:
    with pytest.raises(LandingError, match="price where quantity is expected"):
        land(OLTPDATA, sold(0, 1, 3, 2, 4))
    assert sales(shop) == []


def test_a_file_that_changes_while_it_is_read_is_not_landed(
    shop: Any, warehouse: PostgresConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / OLTPDATA.name
    path.write_text(SALES)
    stage = LineStore.stage

    def stage_and_replace(store: LineStore, rows: Any, reject: Any) -> None:
        stage(store, rows, reject)
        path.write_text(SALES * 2)

    monkeypatch.setattr(LineStore, "stage", stage_and_replace)
    with pytest.raises(LandingError, match="was changed or replaced while it was read"):
        land_csv(OLTPDATA, tmp_path, shop, warehouse)
    assert sales(shop) == []
    monkeypatch.undo()
    assert land_csv(OLTPDATA, tmp_path, shop, warehouse).inserted == 4


def test_a_link_that_leads_nowhere_is_named(shop: Any, warehouse: PostgresConnection, tmp_path: Path) -> None:
    (tmp_path / OLTPDATA.name).symlink_to(tmp_path / "gone.csv")
    with pytest.raises(LandingError, match=r"oltpdata\.csv: it is a link to .*gone\.csv, which does not"):
        land_csv(OLTPDATA, tmp_path, shop, warehouse)


def test_a_file_that_is_something_else_leaves_everything_as_it_was(shop: Any, land: Land) -> None:
    land(CUSTOMERS, customers(c1="Oslo"))
    with pytest.raises(LandingError, match=r"customers\.csv: it lacks column country"):
        land(CUSTOMERS, "customer_id,first_name,last_name,email,city\n1,Ann,Doe,,Rome\n")
    assert cities(shop) == {1: "Oslo"}


def test_the_shop_wins_over_the_file_and_conflicts_are_reported(shop: Any, land: Land) -> None:
    land(CUSTOMERS, customers(c1="a", c2="a", c3="a", c4="a", c5="a", c6="a", c7="a"))
    shop.cursor().execute("UPDATE customers SET city = 'shop' WHERE customer_id IN (2, 3)")
    shop.cursor().execute("UPDATE customers SET city = 'file' WHERE customer_id = 7")
    shop.cursor().execute("DELETE FROM customers WHERE customer_id IN (4, 5)")
    shop.cursor().execute(
        "INSERT INTO customers (customer_id, first_name, last_name, email, city)"
        " VALUES (9, 'Ann', 'Doe', 'ann@example.org', 'shop'), (10, 'Ann', 'Doe', 'ann@example.org', 'file')"
    )
    result = land(
        CUSTOMERS,
        customers(
            c1="file", c2="a", c3="file", c4="a", c5="file", c7="file", c8="file", c9="file", c10="file"
        ),
    )
    assert cities(shop) == {
        1: "file", 2: "shop", 3: "shop", 6: "a", 7: "file", 8: "file", 9: "shop", 10: "file"
    }  # fmt: skip
    assert (result.inserted, result.updated, result.unchanged) == (1, 1, 4)
    assert (result.conflicts, result.conflict_keys) == (3, ("3", "5", "9"))


def test_a_conflict_is_settled_once_the_file_has_lost(shop: Any, land: Land) -> None:
    land(CUSTOMERS, customers(c1="a"))
    shop.cursor().execute("UPDATE customers SET city = 'shop'")
    assert land(CUSTOMERS, customers(c1="b")).conflicts == 1
    assert land(CUSTOMERS, customers(c1="b", c2="new")).conflicts == 0
    assert cities(shop) == {1: "shop", 2: "new"}


def test_a_change_of_case_or_accent_is_a_change(shop: Any, land: Land) -> None:
    land(CUSTOMERS, customers(c1="zurich", c2="x"))
    assert land(CUSTOMERS, customers(c1="Zürich", c2="X")).updated == 2
    assert cities(shop) == {1: "Zürich", 2: "X"}


def test_the_second_line_of_a_key_is_rejected(shop: Any, land: Land, warehouse: PostgresConnection) -> None:
    repeated = customers(c1="first") + customers(c1="second").removeprefix(HEADER)
    result = land(CUSTOMERS, repeated)
    assert (result.inserted, result.quarantined) == (1, 1)
    assert cities(shop) == {1: "first"}
    [(_, key, reason, _)] = quarantine(warehouse)
    assert (key, reason) == ("customers.csv:3", "has the same customer_id as line 2")


def land_both(fuse: Fuse, folder: Path, shop_url: str, staging_url: str) -> None:
    fuse.burn_in_mysql()
    with (
        connect_mysql(shop_url) as mysql,
        closing(connect_postgresql(staging_url, cursor_factory=fuse.postgresql())) as postgresql,
    ):
        for spec in (OLTPDATA, CUSTOMERS):
            land_csv(spec, folder, mysql, postgresql)


def test_a_landing_killed_at_any_step_is_made_good_by_the_next(
    shop: Any, land: Land, warehouse: PostgresConnection, staging: str, tmp_path: Path, urls: dict[str, str]
) -> None:
    land(CUSTOMERS, customers(c1="a", c2="a"))
    (tmp_path / CUSTOMERS.name).write_text(customers(c1="b", c2="a", c3="a") + "x\n")
    (tmp_path / OLTPDATA.name).write_text(SALES * 2 + "x\n")

    places = (tmp_path, urls["SOFTCART_MYSQL_ADMIN_URL"], staging)
    assert killed_again_and_again(land_both, *places, stride=3) > 10
    assert cities(shop) == {1: "b", 2: "a", 3: "a"}
    assert [row[0] for row in sales(shop)] == [1, 2, 1, 2]
    assert [key for _, key, _, _ in quarantine(warehouse)] == ["customers.csv:5", "oltpdata.csv:5"]


def test_two_landings_at_once_land_once(
    shop: Any, staging: str, tmp_path: Path, urls: dict[str, str]
) -> None:
    ensure_shop(shop)
    (tmp_path / OLTPDATA.name).write_text(SALES * 200)

    def land_it(_: int) -> LandingResult:
        with (
            connect_mysql(urls["SOFTCART_MYSQL_ADMIN_URL"]) as mysql,
            closing(connect_postgresql(staging)) as postgresql,
        ):
            return land_csv(OLTPDATA, tmp_path, mysql, postgresql)

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(land_it, range(4)))
    assert sum(result.inserted for result in results) == len(sales(shop)) == 400
