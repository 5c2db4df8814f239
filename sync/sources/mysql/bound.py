"""What MySQL's and MariaDB's open transactions leave certain about a cursor.

A transaction may show in `information_schema.innodb_trx` without a modified row while its `now()` is fixed
already, and a statement that waits for a metadata lock is in no transaction yet; so all transactions and all
running statements count. Both tables need the privilege PROCESS.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pymysql

from sync.errors import TransientError
from sync.sources.base import Bound
from sync.sources.mysql.catalog import SourceTable, column_of, quote
from sync.sources.mysql.clock import row, utc_now
from sync.sources.mysql.log_position import NOT_PERMITTED
from sync.sources.mysql.replication import Replication, replication
from sync.sources.mysql.types import NUMBER_KINDS, kind_of
from sync.spec import Table

# Both tables tell times in whole seconds.
GRANULARITY = timedelta(seconds=1)
# The server answers from a cache that it renews only 0.1 s after somebody has read it.
CACHE_SECONDS = 0.11
ATTEMPTS = 50
REUSE_SECONDS = 1.0
# Threads that run no statement of a user. A replica's applier shows in innodb_trx while it applies.
IDLE = "('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID')"
# innodb_trx tells times in the system's zone, whatever the session's.
OLDEST_TRANSACTION = """
    SELECT MAX(trx_mysql_thread_id = CONNECTION_ID()),
        MAX(IF(trx_mysql_thread_id = CONNECTION_ID(), NULL, UNIX_TIMESTAMP() - UNIX_TIMESTAMP(trx_started)))
    FROM information_schema.innodb_trx
"""
OLDEST_STATEMENT = f"""
    SELECT MAX(time) FROM information_schema.processlist
    WHERE id <> CONNECTION_ID() AND user <> 'system user' AND command NOT IN {IDLE}
"""


class OpenTransactions:
    """Finds the bound of one server's tables. What it found is used again for a moment, which is exact too
    and spares tables that are read one after the other the wait for the server's cache."""

    def __init__(self, connect: Callable[[], pymysql.Connection[Any]]) -> None:
        self._connect = connect
        self._known: Bound | None = None
        self._elsewhere: Replication | None = None
        self._known_until = 0.0

    def bound(self, source: SourceTable, table: Table) -> Bound:
        """The bound for `table`'s cursor."""
        cursor = column_of(source, table, table.cursor_source_name)
        if kind_of(cursor) in NUMBER_KINDS:
            with closing(self._connect()) as connection:
                query = f"SELECT CAST(MAX({quote(cursor.name)}) AS CHAR) FROM {source.quoted}"
                greatest = row(connection, query)[0]
                connection.rollback()
                # Only now: whoever drew a lesser number has begun before.
                probed_at = utc_now(connection)
                bound = Bound(_oldest(connection), probed_at, greatest, _server(connection))
                return _counted(bound, replication(connection), table)
        if self._known is None or time.monotonic() > self._known_until:
            with closing(self._connect()) as connection:
                at = _oldest(connection)
                self._known = Bound(at, utc_now(connection), server=_server(connection))
                self._elsewhere = replication(connection)
            self._known_until = time.monotonic() + REUSE_SECONDS
        return _counted(self._known, self._elsewhere, table)


def _counted(bound: Bound, elsewhere: Replication | None, table: Table) -> Bound:
    """A bound with what is replicated from elsewhere counted in."""
    return elsewhere.bound(bound, timedelta(seconds=table.overlap_seconds)) if elsewhere else bound


def _oldest(connection: pymysql.Connection[Any]) -> datetime | None:
    """When the oldest of all transactions and statements began, None without the right to see them.

    The connection has to be new: one that has asked before may find its former transaction in the cache, and
    take an old answer for a fresh one.
    """
    now = utc_now(connection)
    row(connection, "SET time_zone = 'SYSTEM'")
    try:
        ages = [_oldest_transaction(connection), row(connection, OLDEST_STATEMENT)[0]]
    except pymysql.err.MySQLError as error:
        if error.args[0] in NOT_PERMITTED:
            return None
        raise
    finally:
        connection.rollback()
        row(connection, "SET time_zone = '+00:00'")
    open_for = [max(0.0, float(age)) for age in ages if age is not None]
    return now - timedelta(seconds=max(open_for)) - GRANULARITY if open_for else now


def _oldest_transaction(connection: pymysql.Connection[Any]) -> float | None:
    """How many seconds ago the oldest transaction of others began. An answer that does not show the one that
    is begun here is older than this question."""
    row(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    for _ in range(ATTEMPTS):
        shown, age = row(connection, OLDEST_TRANSACTION)
        if shown:
            return None if age is None else float(age)
        time.sleep(CACHE_SECONDS)
    raise TransientError("information_schema.innodb_trx is read so often by others that it shows no new rows")


def _server(connection: pymysql.Connection[Any]) -> str | None:
    """The id that MySQL, or MariaDB from 10.11 on, has made for itself; a replica has another."""
    statement = "SHOW GLOBAL VARIABLES WHERE variable_name IN ('server_uuid', 'server_uid')"
    found = row(connection, statement)
    return str(found[1]) if found[0] else None
