"""A backup put back on other, empty servers: the platform goes on from it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pymongo import MongoClient

from softcart_assets.build import build_defs
from stack.backups.backup import MANIFEST, all_backups, back_up, settings
from stack.backups.databases import PostgreSQLDump
from stack.backups.restore import find_backup, restore
from stack.backups.weblog import identity_of
from stack.cluster import Cluster
from stack.home import StackError
from stack.mariadb import MariaDB
from sync.connections.mysql import connect_mysql
from sync.engine import run_pass
from sync.errors import SyncError
from sync.passes import Options
from sync.spec import Column, Strategy, Table
from sync.systems import open_source, open_target
from tests.integration.sync_support import query
from weblog.state import archive_root

SALES = Table(name="sales", source="mysql", database="shop", key=("id",), strategy=Strategy.LOG)
TOYS = Table(
    name="toys", source="mongodb", database="catalog", key=("_id",), strategy=Strategy.LOG,
    columns=(Column("_id", "text"), Column("name", "text")),
)  # fmt: skip


def say(line: str) -> None:
    """What is said is for people."""


@pytest.fixture(scope="module")
def mine(stack: Cluster) -> Iterator[Cluster]:
    """Servers of its own, since a backup is of all that a home has."""
    cluster = Cluster(stack.home.inner("saved"), {})
    cluster.home.root.mkdir(exist_ok=True)
    cluster.up(say)
    yield cluster
    cluster.down(say)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOFTCART_BACKUPS", str(tmp_path / "backups"))
    return tmp_path / "backups"


def execute(cluster: Cluster, *statements: str) -> None:
    url = cluster.urls()["SOFTCART_MYSQL_ADMIN_URL"]
    with connect_mysql(url, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def sync(cluster: Cluster, table: Table, reload: bool = False) -> Any:
    urls = cluster.urls()
    variable = {"mysql": "SOFTCART_MYSQL_URL", "mongodb": "SOFTCART_MONGO_URL"}[table.source]
    with (
        closing(open_source(urls[variable])) as source,
        closing(open_target(urls["SOFTCART_STAGING_URL"])) as target,
    ):
        return run_pass(table, source, target, "test", Options(reload=reload))


def archive(cluster: Cluster) -> Path:
    """Where the platform looks for what was read of the web log."""
    return archive_root(cluster.home.root) / str(identity_of(cluster.urls()["SOFTCART_STAGING_URL"]))


def rows(cluster: Cluster, table: str) -> list[tuple[Any, ...]]:
    statement = f"SELECT * FROM {table} WHERE NOT _deleted ORDER BY 1"
    return [row[:2] for row in query(cluster.urls()["SOFTCART_STAGING_URL"], statement)]


def test_a_platform_restored_on_empty_servers_goes_on_with_nothing_lost_or_doubled(
    mine: Cluster, stack: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(
        mine,
        "DROP TABLE IF EXISTS sales",
        "CREATE TABLE sales (id int PRIMARY KEY, name varchar(20))",
        "INSERT INTO sales SELECT seq, concat('sale ', seq) FROM seq_1_to_500",
    )
    with MongoClient[dict[str, Any]](mine.urls()["SOFTCART_MONGO_ADMIN_URL"]) as client:
        toys = client.get_default_database()["toys"]
        toys.drop()
        toys.insert_many([{"_id": f"t{number}", "name": f"toy {number}"} for number in range(50)])
        toys.create_index([("name", 1)], unique=True, name="by_name")
    for table in (SALES, TOYS):
        sync(mine, table)
    # Not yet in staging when the backup is made: it has to come from the restored shop.
    execute(mine, "INSERT INTO sales VALUES (501, 'late')", "DELETE FROM sales WHERE id = 1")
    monkeypatch.delenv("SOFTCART_WEBLOG", raising=False)
    read = archive(mine) / "addresses" / "0001-000000000000000.txt"
    read.parent.mkdir(parents=True, exist_ok=True)  # a run that was killed has left it
    read.write_text("198.51.100.1\n")
    back_up(mine, say)

    empty = Cluster(stack.home.inner("restored"), {})
    shutil.rmtree(empty.home.root, ignore_errors=True)  # what a run before has left
    empty.home.root.mkdir()
    try:
        empty.up(say)
        restore(empty, find_backup(empty, None), say)
        assert len(rows(empty, "raw.sales")) == 500
        assert archive(empty).name != archive(mine).name
        assert (archive(empty) / read.relative_to(archive(mine))).read_text() == "198.51.100.1\n"
        compared = sync(empty, SALES)
        assert (compared.inserted, compared.updated, compared.deleted) == (1, 0, 1)
        assert sync(empty, TOYS).changed == 0
        assert rows(empty, "raw.sales") == [(n, f"sale {n}") for n in range(2, 501)] + [(501, "late")]
        assert len(rows(empty, "raw.toys")) == 50
        execute(empty, "UPDATE sales SET name = 'changed' WHERE id = 2")
        assert sync(empty, SALES).updated == 1
        with MongoClient[dict[str, Any]](empty.urls()["SOFTCART_MONGO_ADMIN_URL"]) as client:
            indexes = client.get_default_database()["toys"].index_information()
        assert indexes["by_name"]["unique"] is True
    finally:
        empty.down(say)


def test_a_table_whose_log_does_not_go_back_that_far_is_named_and_reloaded(
    mine: Cluster, folder: Path
) -> None:
    execute(
        mine,
        "DROP TABLE IF EXISTS sales",
        "CREATE TABLE sales (id int PRIMARY KEY, name varchar(20))",
        "INSERT INTO sales VALUES (1, 'one'), (2, 'two')",
    )
    sync(mine, SALES)
    saved = back_up(mine, say)
    execute(mine, "DELETE FROM sales WHERE id = 1", "INSERT INTO sales VALUES (3, 'three')")
    _purge_log(mine)
    staging = PostgreSQLDump(mine.urls()["SOFTCART_STAGING_URL"])
    staging.load(saved / "staging.dump")
    assert rows(mine, "raw.sales") == [(1, "one"), (2, "two")]
    with pytest.raises(SyncError, match=r"no longer has the log .* Reload the table"):
        sync(mine, SALES)
    assert sync(mine, SALES, reload=True).changed == 2
    assert rows(mine, "raw.sales") == [(2, "two"), (3, "three")]


def _purge_log(cluster: Cluster) -> None:
    """Let the server forget its log; a file that somebody still reads would stay."""
    server = MariaDB(cluster.home)
    with server.connect(cluster.ports.known()["mysql"]) as root, root.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {number}")
        cursor.execute("FLUSH BINARY LOGS")
        files: list[str] = []
        while len(files) != 1:
            cursor.execute("SHOW BINARY LOGS")
            files = [str(row[0]) for row in cursor.fetchall()]
            cursor.execute(f"PURGE BINARY LOGS TO '{files[-1]}'")
            time.sleep(0.2)


def test_the_oldest_backups_go_and_a_damaged_one_is_refused(
    mine: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTCART_BACKUPS_KEPT", "1")
    first = folder / "2020-01-01T000000Z"
    first.mkdir(parents=True)
    (first / MANIFEST).write_text('{"files": {}}')
    saved = back_up(mine, say)
    assert all_backups(folder) == [saved]
    with (saved / "staging.dump").open("ab") as file:
        file.write(b"!")
    with pytest.raises(StackError, match=r"staging.dump is not as it was saved: take another backup"):
        find_backup(mine, None)
    with pytest.raises(StackError, match="there is no backup yesterday in"):
        find_backup(mine, "yesterday")


@pytest.fixture
def scheduled(mine: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.Definitions]:
    """The graph of somebody who named a folder for backups, and whose home is `mine`."""
    programs = mine.home.root / mine.home.tools.joinpath("debian").name
    if not programs.exists():
        programs.symlink_to(mine.home.tools / "debian")
    monkeypatch.setenv("SOFTCART_HOME", str(mine.home.root))
    monkeypatch.delenv("SOFTCART_PORT_BASE", raising=False)
    yield build_defs()


def test_a_backup_is_made_by_schedule_where_a_folder_is_named(
    mine: Cluster, scheduled: dg.Definitions, folder: Path
) -> None:
    assert "0 2 * * *" in {each.cron_schedule for each in scheduled.get_repository_def().schedule_defs}
    result = scheduled.resolve_job_def("backup").execute_in_process()
    (event,) = result.get_asset_materialization_events()
    (saved,) = all_backups(folder)
    assert event.materialization.metadata["folder"].value == str(saved)
    assert find_backup(mine, saved.name) == saved
    assert {"staging.dump", "dagster.dump", "shop.sql", "catalog.bson"} <= {p.name for p in saved.iterdir()}


def test_a_backup_by_schedule_that_fails_says_why(
    scheduled: dg.Definitions, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTCART_BACKUPS_KEPT", "none")
    with pytest.raises(dg.Failure, match="SOFTCART_BACKUPS_KEPT is 'none'"):
        scheduled.resolve_job_def("backup").execute_in_process()
    assert all_backups(folder) == []


def test_no_backup_is_scheduled_where_no_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOFTCART_BACKUPS", raising=False)
    repository = build_defs().get_repository_def()
    assert "nightly_backup" not in {each.name for each in repository.schedule_defs}
    assert not repository.has_job("backup")


def test_settings_are_saved_without_passwords() -> None:
    environment = {
        "SOFTCART_MYSQL_URL": "mysql://me:hidden@host/shop",
        "SOFTCART_TIMEZONE": "UTC",
        "SOFTCART_SECRET": "hidden",
        "PATH": "/bin",
    }
    assert settings(environment) == {
        "SOFTCART_MYSQL_URL": "mysql://me:***@host/shop",
        "SOFTCART_TIMEZONE": "UTC",
    }
