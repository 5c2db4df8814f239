"""`python -m sync copy`, on real servers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from tests.integration.cli.command import TO, Command, Shop, execute
from tests.integration.sync_support import query

WATERMARK = ("--strategy", "watermark", "--cursor", "updated_at")


def test_a_table_is_copied_by_its_primary_key_and_goes_on_from_there(
    command: Command, sales: Shop, staging: str
) -> None:
    (first,) = command.lines("copy", "env:SHOP", "shop.sales_data", *TO)
    execute(
        sales,
        "UPDATE sales_data SET price = 4 WHERE rowid = 3",
        "DELETE FROM sales_data WHERE rowid = 2",
        "INSERT INTO sales_data (rowid) VALUES (4)",
    )
    said = command.run("copy", "env:SHOP", "shop.sales_data", *TO)

    assert first.pop("seconds") > 0
    assert "file" in first.pop("position")
    assert first == {
        "table": "raw.sales_data", "strategy": "full", "read": 3, "inserted": 3, "updated": 0, "deleted": 0,
        "quarantined": 0, "rows": 3, "dry_run": False, "notes": [], "differences": [],
    }  # fmt: skip
    assert said.stdout.startswith("raw.sales_data: 1 inserted, 1 updated, 1 deleted; 3 rows; ")
    assert said.stderr == ""
    live = "SELECT rowid, price::text FROM raw.sales_data WHERE NOT _deleted ORDER BY 1"
    assert query(staging, live) == [(1, "10.50"), (3, "4.00"), (4, None)]
    key = "SELECT pg_get_indexdef(indexrelid) ~ '\\(rowid\\)' FROM pg_index WHERE indisprimary"
    assert query(staging, f"{key} AND indrelid = 'raw.sales_data'::regclass") == [(True,)]


def test_a_table_keeps_its_strategy_cursor_and_key(command: Command, sales: Shop) -> None:
    command.run("copy", "env:SHOP", "shop.sales_data", *TO, *WATERMARK)
    execute(
        sales, "UPDATE sales_data SET price = 4 WHERE rowid = 3", "DELETE FROM sales_data WHERE rowid = 2"
    )
    (second,) = command.lines("copy", "env:SHOP", "shop.sales_data", *TO)
    (third,) = command.lines("copy", "env:SHOP", "shop.sales_data", *TO, "--reconcile")

    figures = [(each["updated"], each["deleted"], each["rows"]) for each in (second, third)]
    assert figures == [(1, 0, 3), (0, 1, 2)]
    assert third["strategy"] == "watermark"
    assert third["position"]["cursor"] == "updated_at"


def test_a_collection_is_copied_by_its_ids_and_by_a_cursor(
    command: Command, catalog: Database[dict[str, Any]], staging: str
) -> None:
    day = datetime(2024, 5, 1, tzinfo=UTC)
    catalog["items.v2"].insert_many([{"_id": 1, "at": day}, {"_id": "1", "at": day, "n": {"m": 2}}])
    by_date = ("--strategy", "watermark", "--cursor", "at")
    (first,) = command.lines("copy", "env:CATALOG", "catalog.items.v2", *TO, *by_date)
    catalog["items.v2"].insert_one({"_id": 2, "at": day.replace(year=2025)})
    (second,) = command.lines("copy", "env:CATALOG", "catalog.items.v2", *TO)

    assert (first["table"], first["inserted"], second["inserted"]) == ("raw.items.v2", 2, 1)
    arrived = "SELECT at::date::text, document->'n' FROM raw.\"items.v2\" ORDER BY 1, 2"
    assert query(staging, arrived) == [("2024-05-01", {"m": 2}), ("2024-05-01", None), ("2025-05-01", None)]


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    command: Command, sales: Shop, staging: str
) -> None:
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)
    execute(sales, "UPDATE sales_data SET price = 4", "DELETE FROM sales_data WHERE rowid = 2")
    before = query(staging, "SELECT rowid, price, xmin::text FROM raw.sales_data ORDER BY 1")

    said = command.run("copy", "env:SHOP", "shop.sales_data", *TO, "--dry-run").stdout

    assert said.startswith("raw.sales_data: would be 2 updated, 1 deleted; nothing was written; 2 rows")
    assert query(staging, "SELECT rowid, price, xmin::text FROM raw.sales_data ORDER BY 1") == before


def test_zero_dates_are_mapped_as_asked_and_as_last_time(command: Command, dated: Shop, staging: str) -> None:
    for options in ((), ("--zero-date", "1970-01-01"), ()):
        command.run("copy", "env:SHOP", "shop.dated", *TO, *options)
    days = "SELECT day::text FROM raw.dated ORDER BY id"
    assert query(staging, days) == [("2024-01-01",), ("1970-01-01",), ("1970-01-01",)]
    said = command.run("copy", "env:SHOP", "shop.dated", *TO, "--zero-date", "never", exit_code=1).stderr
    assert "zero_date is 'null' or a date" in said


def test_a_column_that_cannot_be_followed_is_left_out_as_asked_and_as_last_time(
    command: Command, shop: Shop, staging: str
) -> None:
    execute(
        shop,
        "CREATE TABLE people (id INT PRIMARY KEY, born DATETIME,"
        " age INT AS (TIMESTAMPDIFF(YEAR, born, NOW())))",
        "INSERT INTO people (id, born) VALUES (1, '2000-01-01')",
    )
    said = command.run("copy", "env:SHOP", "shop.people", *TO, exit_code=1).stderr
    assert "--exclude age" in said
    command.run("copy", "env:SHOP", "shop.people", *TO, "--exclude", "age")
    execute(shop, "INSERT INTO people (id, born) VALUES (2, '2001-01-01')")
    command.run("copy", "env:SHOP", "shop.people", *TO)
    command.run("verify", "env:SHOP", "shop.people", *TO)
    assert query(staging, "SELECT to_jsonb(people) ? 'age', id FROM raw.people ORDER BY id") == [
        (False, 1),
        (False, 2),
    ]
    assert (
        "cannot be excluded"
        in command.run("copy", "env:SHOP", "shop.people", *TO, "--exclude", "id", exit_code=1).stderr
    )


def test_a_table_that_fails_is_named_and_does_not_stop_the_others(command: Command, sales: Shop) -> None:
    done = command.run("copy", "env:SHOP", "shop.nowhere", "shop.sales_data", *TO, "--json", exit_code=1)

    (error,) = done.stderr.splitlines()
    assert "MySQL has no table shop.nowhere that this user may read" in error
    assert "GRANT SELECT" in error
    failed, copied = done.stdout.splitlines()
    assert '"error": "raw.nowhere: ' in failed
    assert '"inserted": 3' in copied


def test_a_collection_that_is_not_there_is_refused_by_name(command: Command) -> None:
    done = command.run("copy", "env:CATALOG", "catalog.nowhere", *TO, exit_code=1)
    assert "mongodb has no catalog.nowhere" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--strategy", "watermark"), "the watermark strategy needs a --cursor"),
        (("--cursor", "updated_at"), "--cursor goes with --strategy watermark"),
        (("--key", "rowid,sku"), "its key column 'sku' is not among its columns rowid, price, updated_at"),
        (("--strategy", "watermark", "--cursor", "sold"), "it has no cursor column 'sold'"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(
    command: Command, sales: Shop, arguments: tuple[str, ...], said: str
) -> None:
    done = command.run("copy", "env:SHOP", "shop.sales_data", *TO, *arguments, exit_code=1)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_rows_of_another_source_are_not_mixed_in(
    command: Command, sales: Shop, catalog: Database[dict[str, Any]]
) -> None:
    catalog["sales_data"].insert_one({"_id": 1})
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)
    done = command.run("copy", "env:CATALOG", "catalog.sales_data", *TO, exit_code=1)
    assert "its rows come from mysql shop.sales_data, not from mongodb catalog.sales_data" in done.stderr
    (copied,) = command.lines("copy", "env:CATALOG", "catalog.sales_data", *TO, "--schema", "other")
    assert (copied["table"], copied["rows"]) == ("other.sales_data", 1)


def test_a_wrong_password_is_one_line_and_debug_shows_where(command: Command, urls: dict[str, str]) -> None:
    wrong = urls["SOFTCART_MYSQL_URL"].replace("@", "geheim@")
    done = command.run("copy", wrong, "shop.sales_data", *TO, exit_code=1)
    assert done.stderr.count("\n") == 1
    assert "check user and password" in done.stderr
    assert "Traceback" in command.run("copy", wrong, "shop.sales_data", *TO, "--debug", exit_code=1).stderr


def test_usage_errors_exit_with_2_and_show_no_url(command: Command, staging: str) -> None:
    assert "No such command" in command.run("paste", exit_code=2).stderr
    assert "--to" in command.run("copy", "env:SHOP", "shop.a", exit_code=2).stderr
    assert "is no database.table" in command.run("copy", "env:SHOP", "sales", *TO, exit_code=2).stderr
    assert "a URL is no database.table" in command.run("copy", "env:SHOP", staging, *TO, exit_code=2).stderr


def test_tables_that_follow_the_log_share_one_read_of_it(command: Command, sales: Shop, staging: str) -> None:
    execute(
        sales, "CREATE TABLE stock (id INT PRIMARY KEY, n INT)", "INSERT INTO stock VALUES (1, 1), (2, 2)"
    )
    both = ("env:SHOP", "shop.sales_data", "shop.stock")
    command.run("copy", *both, *TO, "--strategy", "log")
    execute(sales, "UPDATE stock SET n = 3 WHERE id = 1", "DELETE FROM sales_data WHERE rowid = 2")
    second = command.lines("copy", *both, *TO)

    assert [(each["table"], each["strategy"], each["updated"], each["deleted"]) for each in second] == [
        ("raw.sales_data", "log", 0, 1),
        ("raw.stock", "log", 1, 0),
    ]
    assert second[0]["position"] == second[1]["position"]
    assert query(staging, "SELECT id, n FROM raw.stock ORDER BY 1") == [(1, 3), (2, 2)]


def test_collections_follow_their_log_too(
    command: Command, catalog: Database[dict[str, Any]], staging: str
) -> None:
    catalog["items"].insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])
    command.run("copy", "env:CATALOG", "catalog.items", *TO, "--strategy", "log")
    catalog["items"].update_one({"_id": 1}, {"$set": {"n": 7}})
    catalog["items"].delete_one({"_id": 2})
    (second,) = command.lines("copy", "env:CATALOG", "catalog.items", *TO)

    assert (second["strategy"], second["read"]) == ("log", 1)
    assert (second["updated"], second["deleted"]) == (1, 1)
    assert query(staging, "SELECT document->>'n' FROM raw.items WHERE NOT _deleted") == [("7",)]
    assert len(command.run("status", *TO).stdout.splitlines()) == 2


def test_a_table_of_postgresql_is_copied_by_its_primary_key(command: Command, staging: str) -> None:
    query(staging, 'CREATE TABLE public."My table" (a int, b text, PRIMARY KEY (b, a))')
    query(staging, "INSERT INTO public.\"My table\" VALUES (1, 'x'), (2, 'y')")
    (copied,) = command.lines("copy", "env:TARGET", "public.My table", *TO)
    assert (copied["table"], copied["inserted"]) == ("raw.My table", 2)
    assert query(staging, 'SELECT a, b FROM raw."My table" ORDER BY a') == [(1, "x"), (2, "y")]


def test_two_tables_that_would_become_one_are_refused(command: Command) -> None:
    done = command.run("copy", "env:SHOP", "shop.sales_data", "sales.sales_data", *TO, exit_code=2)
    assert "raw.sales_data cannot hold both shop.sales_data and sales.sales_data" in done.stderr
