"""Rows that are read again by keys which a collation takes for one another."""

from __future__ import annotations

from contextlib import closing

import pytest

from sync.sources.base import Touched
from sync.sources.mysql import reread as mysql_reread
from sync.sources.mysql.binlog.values import Value
from sync.sources.mysql.source import MySQLSource
from sync.spec import Table
from tests.integration.binlog.log import Log

KEYS = ["abc", "ABC", "äbc", "Abc ", "été", "ETE", "strasse", "straße", "x", "x  ", "", "日本"]


def found(log: Log, table: Table, keys: list[tuple[Value, ...]]) -> list[str]:
    """The rows that are found for keys, as they come."""
    with closing(MySQLSource(log.url)) as source:
        columns = source.describe(table).columns
        with source.snapshot() as snapshot:
            touched = Touched(keys, len(keys))
            chunks = [chunk for _, chunk in snapshot.reread(table, columns, touched)]
    return sorted(line for chunk in chunks for line in chunk.lines.decode().splitlines())


@pytest.mark.parametrize("portion", [1, 5])
@pytest.mark.parametrize(
    "kind",
    ["VARCHAR(20) COLLATE utf8mb4_general_ci", "VARCHAR(20) COLLATE utf8mb4_unicode_520_ci",
     "CHAR(20) COLLATE utf8mb4_general_ci", "VARCHAR(20) COLLATE utf8mb4_bin",
     "VARCHAR(20) CHARACTER SET latin1", "VARCHAR(20) CHARACTER SET ucs2"],
)  # fmt: skip
def test_a_row_is_found_once_under_every_spelling_that_keys_have(
    server_log: Log, monkeypatch: pytest.MonkeyPatch, kind: str, portion: int
) -> None:
    monkeypatch.setattr(mysql_reread, "PORTION", portion)
    server_log.run(
        f"CREATE TABLE item (k {kind} PRIMARY KEY)",
        f"CREATE TABLE pair (n INT, k {kind}, PRIMARY KEY (n, k))",
    )
    keys = [key for key in KEYS if "latin1" not in kind or key != "日本"]
    if kind.startswith("CHAR"):
        keys = sorted({key.rstrip(" ") for key in keys})
    for number, key in enumerate(keys):
        server_log.run(
            f"INSERT IGNORE INTO item VALUES ('{key}')", f"INSERT INTO pair VALUES ({number}, '{key}')"
        )
    rows = sorted(key for (key,) in server_log.run("SELECT k FROM item"))
    assert found(server_log, Table("item", "mysql", "shop", key=("k",)), [(key,) for key in keys]) == rows
    pairs: list[tuple[Value, ...]] = [(number, key) for number in range(len(keys)) for key in keys]
    assert found(server_log, Table("pair", "mysql", "shop", key=("n", "k")), pairs) == sorted(
        f"{number}\t{key}" for number, key in enumerate(keys)
    )
