"""What MySQL's and MariaDB's open transactions leave certain about a cursor.

A transaction may show in `information_schema.innodb_trx` without a modified row while its `now()` is fixed
already, and a statement that waits for a metadata lock is in no transaction yet; so all transactions and all
running statements count. Both tables need the privilege PROCESS.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql

from sync.sources.base import Bound
from sync.sources.binlog_position import NOT_PERMITTED
from sync.sources.mysql_catalog import SourceTable, column_of, quote
from sync.sources.mysql_types import NUMBER_KINDS, kind_of
from sync.spec import Table

# Both tables tell times in whole seconds.
GRANULARITY = timedelta(seconds=1)
# Threads that run no statement of a user. A replica's applier shows in innodb_trx while it applies.
IDLE = "('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID')"
# innodb_trx tells times in the system's zone, whatever the session's.
OLDEST_TRANSACTION = """
    SELECT MAX(UNIX_TIMESTAMP() - UNIX_TIMESTAMP(trx_started)) FROM information_schema.innodb_trx
    WHERE trx_mysql_thread_id <> CONNECTION_ID()
"""
OLDEST_STATEMENT = f"""
    SELECT MAX(time) FROM information_schema.processlist
    WHERE id <> CONNECTION_ID() AND user <> 'system user' AND command NOT IN {IDLE}
"""


def find_bound(connection: pymysql.Connection[Any], source: SourceTable, table: Table) -> Bound:
    """The bound for `table`'s cursor. The connection is in autocommit mode, its time zone UTC."""
    probed_at = _row(connection, "SELECT UTC_TIMESTAMP(6)")[0].replace(tzinfo=UTC)
    cursor = column_of(source, table, table.cursor_source_name)
    greatest = None
    if kind_of(cursor) in NUMBER_KINDS:
        found = _row(connection, f"SELECT CAST(MAX({quote(cursor.name)}) AS CHAR) FROM {source.quoted}")
        greatest = found[0]
    return Bound(_oldest(connection), probed_at, greatest)


def _oldest(connection: pymysql.Connection[Any]) -> datetime | None:
    now: datetime = _row(connection, "SELECT UTC_TIMESTAMP(6)")[0].replace(tzinfo=UTC)
    _row(connection, "SET time_zone = 'SYSTEM'")
    try:
        ages = [_row(connection, query)[0] for query in (OLDEST_TRANSACTION, OLDEST_STATEMENT)]
    except pymysql.err.MySQLError as error:
        if error.args[0] in NOT_PERMITTED:
            return None
        raise
    finally:
        _row(connection, "SET time_zone = '+00:00'")
    open_for = [max(0.0, float(age)) for age in ages if age is not None]
    return now - timedelta(seconds=max(open_for)) - GRANULARITY if open_for else now


def _row(connection: pymysql.Connection[Any], statement: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() or (None,)
