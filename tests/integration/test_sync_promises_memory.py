"""Memory that does not grow with a table, nor with a long row beyond a few times that row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pymysql
import pytest
from pymongo.database import Database

from sync.spec import Table
from tests.integration.postgresql_support import Databases

CLONE = Path(__file__).parents[2]
MEBIBYTE = 1 << 20
ROOM = 24 * MEBIBYTE  # what the allocator and the drivers' buffers may differ by
# Of a long row: as the source's driver got it, what the driver makes of it, and as text.
COPIES = 4
PASS = """
import sys
from sync.engine import run_pass
from sync.spec import Table
from sync.systems import open_source, open_target
source, target = open_source(sys.argv[1]), open_target(sys.argv[2])
table = Table(sys.argv[3], source.system, sys.argv[4], key=(sys.argv[5],))
result = run_pass(table, source, target, "test")
assert not result.differences and not result.quarantined
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(result.read, int(peak) * 1024)
"""


def peak(source: str, target: str, table: Table) -> int:
    """The bytes of memory that a pass in a process of its own had at most."""
    done = subprocess.run(
        [sys.executable, "-c", PASS, source, target, table.name, table.database, *table.key],
        cwd=CLONE,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[1])


def test_memory_does_not_grow_with_a_table_in_mysql(
    shop: pymysql.Connection, urls: dict[str, str], staging: str
) -> None:
    with shop.cursor() as cursor:
        for name, rows in (("few", 10_000), ("many", 200_000)):
            cursor.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY, note VARCHAR(100))")
            cursor.execute(f"INSERT INTO {name} SELECT seq, REPEAT('x', 80) FROM seq_1_to_{rows}")
    few, many = (
        peak(urls["SOFTCART_MYSQL_URL"], staging, Table(name, "mysql", "shop", ("id",)))
        for name in ("few", "many")
    )
    assert many - few < ROOM


def test_memory_does_not_grow_with_a_collection(
    catalog: Database[dict[str, object]], urls: dict[str, str], staging: str
) -> None:
    for name, documents in (("few", 10_000), ("many", 50_000)):
        catalog[name].insert_many([{"_id": number, "note": "x" * 200} for number in range(documents)])
    few, many = (
        peak(urls["SOFTCART_MONGO_URL"], staging, Table(name, "mongodb", "catalog", ("_id",), document="d"))
        for name in ("few", "many")
    )
    assert many - few < ROOM


def test_memory_does_not_grow_with_a_table_in_postgresql(databases: Databases) -> None:
    view = "CREATE VIEW {} AS SELECT i AS id, repeat('x', 80) AS note FROM generate_series(1, {}) i"
    databases.execute(view.format("few", 10_000), view.format("many", 200_000))
    few, many = (
        peak(databases.source_url, databases.target_url, Table(name, "postgresql", "public", ("id",)))
        for name in ("few", "many")
    )
    assert many - few < ROOM


LONG = 32 * MEBIBYTE  # below max_allowed_packet


@pytest.mark.parametrize(
    ("kind", "size"),
    [("LONGTEXT", LONG), ("LONGBLOB", LONG // 2)],  # bytes arrive in hex
)
def test_a_long_row_in_mysql_costs_a_few_times_its_size(
    kind: str, size: int, shop: pymysql.Connection, urls: dict[str, str], staging: str
) -> None:
    names = ("short_rows", "long_rows")
    with shop.cursor() as cursor:
        for name in names:
            cursor.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY, note {kind})")
            cursor.execute(f"INSERT INTO {name} SELECT seq, REPEAT('x', 80) FROM seq_1_to_10")
        cursor.execute(f"UPDATE long_rows SET note = REPEAT('x', {size}) WHERE id <= 2")
    short, long = (
        peak(urls["SOFTCART_MYSQL_URL"], staging, Table(name, "mysql", "shop", ("id",))) for name in names
    )
    assert long - short < COPIES * LONG + ROOM


def test_a_long_row_in_postgresql_costs_a_few_times_its_size(databases: Databases) -> None:
    databases.execute(
        "CREATE VIEW short AS SELECT i AS id, repeat('x', 80) AS note FROM generate_series(1, 10) i",
        f"CREATE VIEW long AS SELECT i AS id, repeat('x', {LONG}) AS note FROM generate_series(1, 2) i",
    )
    short, long = (
        peak(databases.source_url, databases.target_url, Table(name, "postgresql", "public", ("id",)))
        for name in ("short", "long")
    )
    assert long - short < COPIES * LONG + ROOM
