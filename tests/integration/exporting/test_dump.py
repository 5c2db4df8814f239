"""The dump of the sales: one snapshot, the same bytes for the same rows, and both servers take it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pymysql
import pytest
from pymysql.constants import CLIENT

from exporting.dump import SCRIPT, NoToolError, dump_sales, rows_in
from softcart_assets.build import resources
from softcart_assets.exports import dump as dump_asset
from softcart_assets.raw import build_raw_assets
from softcart_assets.tables import SHOP as TABLES
from sync.connections.mysql import connect_mysql, mysql_arguments
from sync.connections.urls import parse
from sync.errors import SyncError
from tests.integration.sync_support import execute

Shop = pymysql.Connection
SHOP = Path(__file__).parents[3] / "sql" / "mysql" / "shop.sql"
ROWS = "SELECT * FROM sales_data ORDER BY rowid"


@pytest.fixture(autouse=True)
def tools(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dump tool is where these servers' binaries are."""
    monkeypatch.setenv("SOFTCART_HOME", str(stack.home.tools))
    monkeypatch.delenv("SOFTCART_DUMPS", raising=False)


@pytest.fixture
def sold(shop: Shop) -> Iterator[Shop]:
    for statement in SHOP.read_text().split(";\n"):
        if statement.strip():
            execute(shop, statement)
    sell(shop, 300)
    yield shop


def sell(shop: Shop, count: int) -> None:
    with shop.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO sales_data (product_id, customer_id, price, quantity, timestamp)"
            " VALUES (%s, 7, 12.34, %s, '2026-01-01 00:00:00')",
            [(number, number % 5 - 1) for number in range(count)],
        )


def rows(connection: Shop) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(ROWS)
        return list(cursor.fetchall())


def restored(dump: Path, url: str, database: str) -> list[tuple[Any, ...]]:
    """What a server has of the sales once the dump is loaded, whole, without one warning that is an error."""
    arguments = mysql_arguments(parse(url)) | {"database": database, "client_flag": CLIENT.MULTI_STATEMENTS}
    with pymysql.connect(**arguments) as connection:
        with connection.cursor() as cursor:
            cursor.execute(dump.read_text())
            while cursor.nextset():
                pass
        connection.commit()
        return rows(connection)


def test_mariadb_and_mysql_load_the_dump_and_have_the_same_rows(
    sold: Shop, mysql_shop: Shop, mysql_server: Any, urls: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "sales_data.sql"
    dump_sales(urls["SOFTCART_MYSQL_URL"], path)
    expected = rows(sold)
    assert rows_in(path) == len(expected) == 300
    assert restored(path, urls["SOFTCART_MYSQL_RESTORE_URL"], "sales") == expected
    assert restored(path, mysql_server.admin, "shop") == expected


def test_the_same_rows_give_the_same_bytes_and_the_last_dumps_that_differ_are_kept(
    sold: Shop, urls: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sales_data.sql"
    monkeypatch.setenv("SOFTCART_DUMPS", "2")
    contents = []
    for _ in range(3):
        dump_sales(urls["SOFTCART_MYSQL_URL"], path)
        stamp = path.stat().st_mtime_ns
        # A row that came and went moves the server's counter and nothing else.
        sell(sold, 1)
        execute(sold, "DELETE FROM sales_data ORDER BY rowid DESC LIMIT 1")
        dump_sales(urls["SOFTCART_MYSQL_URL"], path)
        assert path.stat().st_mtime_ns == stamp
        contents.append(path.read_bytes())
        sell(sold, 1)
    assert [kept.read_bytes() for kept in sorted((tmp_path / "dumps").glob("*.sql"))] == contents[1:]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_dump_is_one_snapshot_while_the_shop_goes_on_selling(
    sold: Shop, urls: dict[str, str], tmp_path: Path
) -> None:
    stop = threading.Event()

    def trade() -> None:
        with connect_mysql(urls["SOFTCART_MYSQL_ADMIN_URL"]) as connection:
            while not stop.is_set():
                # Money moves from one row to another: any snapshot has the same sum.
                with connection.cursor() as cursor:
                    cursor.execute("UPDATE sales_data SET price = price + 1 WHERE rowid = 1")
                    cursor.execute("UPDATE sales_data SET price = price - 1 WHERE rowid = 300")
                connection.commit()

    execute(sold, "UPDATE sales_data SET price = 100000 WHERE rowid IN (1, 300)")
    [before] = {sum(row[3] for row in rows(sold))}
    writer = threading.Thread(target=trade)
    writer.start()
    try:
        for number in range(5):
            path = tmp_path / f"{number}.sql"
            dump_sales(urls["SOFTCART_MYSQL_URL"], path)
            assert (
                sum(row[3] for row in restored(path, urls["SOFTCART_MYSQL_RESTORE_URL"], "sales")) == before
            )
    finally:
        stop.set()
        writer.join()


def test_a_run_makes_the_dump_again_only_where_the_shop_was_written_to(
    sold: Shop, platform: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "exports" / "sales_data.sql"
    made: list[Path] = []

    def dump(url: str, to: Path) -> None:
        dump_sales(url, to)
        made.append(to)

    monkeypatch.setenv("SOFTCART_EXPORTS", str(path.parent))
    monkeypatch.setattr(dump_asset, "dump_sales", dump)
    export, sales = dump_asset.build_dump(), build_raw_assets(TABLES[:1], seeds=[])
    with dg.DagsterInstance.ephemeral() as instance:

        def rows_after_a_run(*assets: dg.AssetsDefinition) -> object:
            done = dg.materialize([*assets, export], instance=instance, resources=resources())
            (shown,) = done.asset_materializations_for_node("export_dump")
            assert rows_in(path) == len(rows(sold))
            return shown.metadata["dagster/row_count"].value

        # By itself it does not know whether the shop was written to.
        assert (rows_after_a_run(), len(made)) == (300, 1)
        assert (rows_after_a_run(), len(made)) == (300, 2)
        made.clear()
        assert (rows_after_a_run(*sales), len(made)) == (300, 1)
        assert (rows_after_a_run(*sales), len(made)) == (300, 1)
        sell(sold, 1)
        assert (rows_after_a_run(*sales), len(made)) == (301, 2)
        path.write_text("not what was dumped")
        assert (rows_after_a_run(*sales), len(made)) == (301, 3)

        monkeypatch.setattr(dump_asset, "LARGE", 302)
        sell(sold, 1)
        assert (rows_after_a_run(*sales), len(made)) == (302, 4)
        sell(sold, 1)
        left = dg.materialize([*sales, export], instance=instance, resources=resources())
        assert (left.success, left.asset_materializations_for_node("export_dump")) == (True, [])
        assert (rows_in(path), len(made)) == (302, 4)
        path.write_text("not what was dumped")
        assert (rows_after_a_run(*sales), len(made)) == (303, 5)
        assert (rows_after_a_run(), len(made)) == (303, 6)
        monkeypatch.setattr(dump_asset, "YOUNG", 0)
        assert (rows_after_a_run(*sales), len(made)) == (303, 7)
        sell(sold, 1)
        assert (rows_after_a_run(*sales), len(made)) == (304, 8)


def test_a_dump_that_fails_changes_nothing_and_says_why_without_the_password(
    sold: Shop, urls: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "sales_data.sql"
    path.write_text("the last one")
    execute(sold, "DROP TABLE sales_data")
    with pytest.raises(SyncError, match=r"sales_data.*nothing was changed") as failed:
        dump_sales(urls["SOFTCART_MYSQL_URL"], path)
    assert path.read_text() == "the last one"
    assert str(parse(urls["SOFTCART_MYSQL_URL"]).password) not in str(failed.value)


def test_without_a_tool_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("bash", "readlink", "dirname", "basename"):
        (tmp_path / program).symlink_to(shutil.which(program) or program)
    monkeypatch.setenv("SOFTCART_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoToolError, match="install mariadb-client or mysql-client"):
        dump_sales("mysql://a:b@127.0.0.1:1/shop", tmp_path / "dump.sql")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("SOFTCART_DUMPS", "0", "SOFTCART_DUMPS is '0'"),
        ("SOFTCART_MYSQL_URL", "postgresql://a:secret@b/c", "not of the form mysql://"),
    ],
)
def test_a_setting_that_is_wrong_is_named(setting: str, value: str, said: str, tmp_path: Path) -> None:
    environment = {**os.environ, "SOFTCART_MYSQL_URL": "mysql://a:b@127.0.0.1:1/shop", setting: value}
    done = subprocess.run(
        [SCRIPT, tmp_path / "x.sql"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert said in done.stderr and "secret" not in done.stderr
