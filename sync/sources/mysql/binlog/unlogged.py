"""Tables whose changes are in no log, whatever its format."""

from __future__ import annotations

from typing import Any

import pymysql

from sync.errors import SyncError
from sync.sources.mysql.binlog.columns import TEXTS, refuse_character_set
from sync.sources.mysql.catalog import SourceTable
from sync.sources.mysql.log_position import leaves_out
from sync.spec import Table


def refuse_unlogged(connection: pymysql.Connection[Any], table: Table, source: SourceTable) -> None:
    """Raises `SyncError` with the way out for a view, whose rows the log has as those of other tables, for
    a database that the server keeps out of its log, and for a key whose letters cannot be read from it."""
    if _is_view(connection, source):
        raise SyncError(
            f"{table.qualified}: {source.database}.{source.name} is a view, and the log strategy follows base"
            f" tables only. Follow the tables that it reads, or declare full or watermark for the view"
        )
    if leaves_out(connection, source.database):
        raise SyncError(
            f"{table.qualified}: the server keeps database {source.database} out of its binlog; start it"
            f" without binlog-do-db and binlog-ignore-db, then reload the table, or declare another strategy"
            f" for it"
        )
    named = {column.name: column.source_name for column in table.columns}
    for part in table.key:
        column = source.columns.get(named.get(part, part))
        if column and column.data_type in TEXTS:
            refuse_character_set(f"{table.qualified}: key column {part}", column.charset)


def _is_view(connection: pymysql.Connection[Any], source: SourceTable) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_type FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
            (source.database, source.name),
        )
        return any(str(kind).endswith("VIEW") for (kind,) in cursor.fetchall())
