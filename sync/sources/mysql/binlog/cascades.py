"""Foreign keys whose actions change rows without a trace in the log.

InnoDB carries them out below the level that writes the binlog. Since MySQL 9.6 the server does it instead and
logs the rows, unless innodb_native_foreign_keys is on
(https://dev.mysql.com/doc/refman/9.6/en/create-table-foreign-keys.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pymysql

from sync.errors import SyncError
from sync.sources.mysql.catalog import quote
from sync.spec import Table

# A line of SHOW CREATE TABLE, which needs no other privilege than SELECT; information_schema's views do.
ACTION = re.compile(
    r"^  CONSTRAINT `(?P<name>.*)` FOREIGN KEY .* REFERENCES (?P<parent>.*) \(.*\)"
    r".*? (?P<action>ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT))",
    re.MULTILINE,
)
NOT_THERE = {1146, 1049, 1142}  # no such table or database; or hidden from this user


def refuse_cascades(connection: pymysql.Connection[Any], tables: Iterable[Table]) -> None:
    """Raises `SyncError` for a table that may change when rows of another one do."""
    for table in tables:
        if found := ACTION.search(_definition(connection, table)):
            raise SyncError(
                f"{table.qualified}: foreign key {found['name']} to {found['parent']} has {found['action']},"
                f" and what it changes is not in this server's binlog; declare another strategy for the table"
            )


def _definition(connection: pymysql.Connection[Any], table: Table) -> str:
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"SHOW CREATE TABLE {quote(table.database)}.{quote(table.source_name)}")
        except pymysql.err.MySQLError as error:
            if error.args[0] in NOT_THERE:
                return ""
            raise
        row = cursor.fetchone()
    return str(row[1]) if row else ""
