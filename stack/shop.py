"""Columns that the tables of the local shop lack, once `sql/mysql/shop.sql` has got new ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing

from stack.home import CLONE
from stack.server import Say
from sync.connections.mysql import connect_mysql, mysql_errors

SCRIPT = CLONE / "sql" / "mysql" / "shop.sql"
TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS `?(\w+)`? \((.+?)\n\)", re.DOTALL)
# A column's line, as opposed to a key's or a constraint's.
COLUMN = re.compile(
    r"^\s+(?!(?:PRIMARY|UNIQUE|INDEX|KEY|CONSTRAINT|FOREIGN|CHECK|FULLTEXT)\b)`?(\w+)`? (.+?),?$",
    re.MULTILINE | re.IGNORECASE,
)
PRESENT = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"


def add_missing_columns(url: str, say: Say) -> None:
    """Add to the tables at `url` that are there what the script defines beyond them, and `say` so.

    A table that is not there is made by landing, which knows then that nothing of it was landed yet. Only for
    a server of ours: what somebody else's tables have is his.

    Raises:
        SyncError: the server refuses, as for a definition that it does not understand.
    """
    with closing(connect_mysql(url)) as connection, connection.cursor() as cursor, mysql_errors("shop.sql"):
        cursor.execute(PRESENT)
        present: dict[str, set[str]] = {}
        for table, column in cursor.fetchall():
            present.setdefault(table, set()).add(column.lower())
        for table, name, definition in missing(SCRIPT.read_text(), present):
            cursor.execute(f"ALTER TABLE `{table}` ADD COLUMN `{name}` {definition}")
            say(f"MariaDB: shop.{table} has got the column {name}, as in sql/mysql/shop.sql")


def missing(script: str, present: Mapping[str, set[str]]) -> Iterator[tuple[str, str, str]]:
    """Table, name and definition of the script's columns that the tables in `present` lack."""
    for table, body in TABLE.findall(script):
        for name, definition in COLUMN.findall(body):
            if table in present and name.lower() not in present[table]:
                yield table, name, definition
