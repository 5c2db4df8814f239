"""`python -m sync verify`, on real servers."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from pymongo.database import Database

from sync.engine import run_pass
from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Deletes, Table
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.cli.command import TO, Command, Shop, execute
from tests.integration.sync_support import query

SPOILED = (
    "UPDATE raw.sales_data SET price = 10.49 WHERE rowid = 1; DELETE FROM raw.sales_data WHERE rowid = 2;"
    " INSERT INTO raw.sales_data (rowid, _batch, _changed_at) VALUES (9, 1, now())"
)


def test_equal_sides_exit_with_0_and_write_nothing(command: Command, sales: Shop, staging: str) -> None:
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)
    state = "SELECT xmin::text, run_id FROM sync.tables"
    before = query(staging, state)
    said = command.run("verify", "env:SHOP", "shop.sales_data", *TO).stdout
    assert said.startswith("raw.sales_data: equal; 3 rows; ")
    assert query(staging, state) == before


def test_keys_that_differ_are_named_with_their_side_and_stay_as_they_are(
    command: Command, sales: Shop, staging: str
) -> None:
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)
    query(staging, SPOILED)
    said = command.run("verify", "env:SHOP", "shop.sales_data", *TO, exit_code=1).stdout.splitlines()
    (found,) = command.lines("verify", "env:SHOP", "shop.sales_data", *TO, exit_code=1)

    assert said[0].startswith(
        "raw.sales_data: not equal: 1 missing in the target, 1 different, 1 that should not be there; 3 rows"
    )
    assert said[1:] == ["  1 differs", "  2 is missing", "  9 should not be there"]
    assert (found["equal"], found["missing"], found["different"], found["unexpected"]) == (False, 1, 1, 1)
    assert found["differing"][1] == {"key": "2", "finding": "is missing"}


def test_a_repair_makes_both_sides_equal_and_says_what_it_repaired(
    command: Command, sales: Shop, staging: str
) -> None:
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)
    query(staging, SPOILED)
    said = command.run("verify", "env:SHOP", "shop.sales_data", *TO, "--repair").stdout
    assert said.startswith("raw.sales_data: repaired: 1 missing in the target, 1 different, 1 that should")
    command.run("verify", "env:SHOP", "shop.sales_data", *TO)
    live = "SELECT rowid, price::text FROM raw.sales_data WHERE NOT _deleted ORDER BY 1"
    assert query(staging, live) == [(1, "10.50"), (2, None), (3, "3.00")]


def test_of_many_keys_the_first_twenty_are_named(command: Command, sales: Shop, staging: str) -> None:
    execute(sales, "INSERT INTO sales_data (rowid) SELECT seq FROM seq_10_to_34")
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)
    query(staging, "UPDATE raw.sales_data SET price = 0 WHERE rowid >= 10")
    said = command.run("verify", "env:SHOP", "shop.sales_data", *TO, exit_code=1).stdout.splitlines()
    assert (said[1], said[20], said[21]) == ("  10 differs", "  29 differs", "  and 5 more")


def test_collections_and_tables_by_a_cursor_or_without_a_key_are_verified_as_they_were_copied(
    command: Command, sales: Shop, catalog: Database[dict[str, Any]]
) -> None:
    catalog["items"].insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])
    execute(sales, "CREATE TABLE clicks (page VARCHAR(9))", "INSERT INTO clicks VALUES ('a'), ('a')")
    command.run("copy", "env:CATALOG", "catalog.items", *TO, "--strategy", "watermark", "--cursor", "n")
    command.run("copy", "env:SHOP", "shop.sales_data", *TO, "--strategy", "watermark", "--cursor", "rowid")
    command.run("copy", "env:SHOP", "shop.clicks", *TO)

    command.run("verify", "env:CATALOG", "catalog.items", *TO)
    command.run("verify", "env:SHOP", "shop.sales_data", "shop.clicks", *TO)
    catalog["items"].delete_one({"_id": 1})
    execute(sales, "DELETE FROM clicks LIMIT 1")
    (items,) = command.lines("verify", "env:CATALOG", "catalog.items", *TO, exit_code=1)
    (clicks,) = command.lines("verify", "env:SHOP", "shop.clicks", *TO, exit_code=1)
    assert (items["unexpected"], clicks["unexpected"]) == (1, 1)
    assert items["differing"] == [{"key": "int:1", "finding": "should not be there"}]


def test_rows_in_quarantine_are_counted_and_are_no_difference(command: Command, dated: Shop) -> None:
    command.run("copy", "env:SHOP", "shop.dated", *TO)
    said = command.run("verify", "env:SHOP", "shop.dated", *TO).stdout
    assert said.startswith("raw.dated: equal; 1 row, 2 in quarantine; ")


def test_a_table_that_was_never_copied_is_refused(command: Command, sales: Shop) -> None:
    done = command.run("verify", "env:SHOP", "shop.sales_data", *TO, exit_code=1)
    assert done.stderr == (
        "raw.sales_data: mysql shop.sales_data was never copied to schema raw of this target; copy it first\n"
    )


def test_what_a_declaration_masks_leaves_out_and_renames_is_verified_that_way(
    command: Command, sales: Shop, staging: str, urls: dict[str, str]
) -> None:
    execute(sales, "ALTER TABLE sales_data ADD buyer TEXT", "UPDATE sales_data SET buyer = 'Zoë'")
    declared = Table(
        "sales",
        source="mysql",
        database="shop",
        key=("number",),
        columns=(Column("number", "bigint", source="rowid"), Column("buyer", "text", mask=True)),
        source_table="sales_data",
    )
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        run_pass(declared, source, PostgreSQLTarget(staging), "a run elsewhere")

    said = command.run("verify", "env:SHOP", "shop.sales_data", *TO).stdout
    assert said.startswith("raw.sales: equal; 3 rows")
    execute(sales, "UPDATE sales_data SET buyer = 'Bo' WHERE rowid = 2")
    command.run("verify", "env:SHOP", "shop.sales_data", *TO, "--repair")
    arrived = "SELECT count(*) FROM raw.sales WHERE buyer ~ '^[0-9a-f]{64}$'"
    assert query(staging, arrived) == [(3,)]


def test_an_adopted_table_is_verified_by_its_shared_columns(
    command: Command, sales: Shop, staging: str, urls: dict[str, str]
) -> None:
    query(staging, "CREATE TABLE public.sales_data (rowid bigint, price numeric(12,2), hand_made text)")
    query(staging, "INSERT INTO public.sales_data VALUES (77, 7, 'ours')")
    adopted = Table(
        "sales_data", "mysql", "shop", ("rowid",), schema="public", adopt=True, deletes=Deletes.IGNORE
    )
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        run_pass(adopted, source, PostgreSQLTarget(staging), "a run elsewhere")

    verify = ("verify", "env:SHOP", "shop.sales_data", *TO, "--schema", "public")
    said = command.run(*verify).stdout
    assert said.startswith("public.sales_data: equal; 4 rows")
    assert "rows that only the target has were left out" in said
    query(staging, "UPDATE public.sales_data SET price = 0 WHERE rowid = 3")
    assert "  3 differs\n" in command.run(*verify, exit_code=1).stdout
