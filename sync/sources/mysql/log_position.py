"""Where the binlog stands, and a snapshot together with the position that belongs to it.

A position that is read first and a snapshot that is opened after it do not belong together on every server:
the binlog can show a commit before the engine does. MariaDB tells the exact position of a consistent snapshot
in its status (https://mariadb.com/kb/en/enhancements-for-start-transaction-with-consistent-snapshot/). On
MySQL the set of executed GTIDs, read before the snapshot, is never ahead of it.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pymysql
from pymysql.cursors import Cursor

NOT_PERMITTED = {1227, 1142}
UNKNOWN_STATEMENT = {1064, 1235}


def binlog_position(connection: pymysql.Connection[Any]) -> str | None:
    """The position as JSON (`file`, `position`, `gtid`), None without a binlog or the right to see it."""
    status = _log_status(connection)
    if not status:
        return None
    gtid = "@@global.gtid_binlog_pos" if is_mariadb(connection) else "@@global.gtid_executed"
    return _position(status[0], int(status[1]), str(_rows(connection, f"SELECT {gtid}")[0][0]))


def leaves_out(connection: pymysql.Connection[Any], database: str) -> bool:
    """Whether `--binlog-do-db` or `--binlog-ignore-db` keeps a database out of the server's binlog; False
    where the server does not tell this user."""
    status = _log_status(connection)
    if not status:
        return False
    only, ignored = (str(names).split(",") if names else [] for names in status[2:4])
    return database in ignored or (bool(only) and database not in only)


def _log_status(connection: pymysql.Connection[Any]) -> tuple[Any, ...] | None:
    """File, position, and the databases that alone are in the log or are left out of it."""
    # MySQL 8.4 knows only the second form, MariaDB and older MySQL only the first.
    rows = first_answer(connection, "SHOW MASTER STATUS", "SHOW BINARY LOG STATUS")
    return rows[0] if rows else None


def first_answer(
    connection: pymysql.Connection[Any], *statements: str, cursor_class: type[Cursor] = Cursor
) -> list[Any] | None:
    """The rows of the first statement that the server knows; None where it knows none, or this user may not
    ask."""
    for statement in statements:
        with connection.cursor(cursor_class) as cursor:
            try:
                cursor.execute(statement)
            except pymysql.err.MySQLError as error:
                if error.args[0] in NOT_PERMITTED:
                    return None
                if error.args[0] not in UNKNOWN_STATEMENT:
                    raise
            else:
                return list(cursor.fetchall())
    return None


def log_retention(connection: pymysql.Connection[Any]) -> timedelta | None:
    """How long the server keeps a file of its binlog after the last write to it, None for ever."""
    statement = "SHOW GLOBAL VARIABLES WHERE variable_name IN %s"
    with connection.cursor() as cursor:
        cursor.execute(statement, (("binlog_expire_logs_seconds", "expire_logs_days"),))
        values = {name: float(value) for name, value in cursor.fetchall()}
    seconds = values.get("binlog_expire_logs_seconds", 0) or values.get("expire_logs_days", 0) * 86400
    return timedelta(seconds=seconds) if seconds else None


def open_snapshot(connection: pymysql.Connection[Any]) -> str | None:
    """Begin a consistent read-only snapshot; returns a position that is not ahead of it, as above."""
    _rows(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    mariadb = is_mariadb(connection)
    before = None if mariadb else binlog_position(connection)
    _rows(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    if not mariadb:
        return before
    status = dict(_rows(connection, "SHOW STATUS LIKE 'binlog_snapshot_%'"))
    file, position = status.get("Binlog_snapshot_file"), status.get("Binlog_snapshot_position")
    if not file or not position:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT BINLOG_GTID_POS(%s, %s)", (file, int(position)))
        gtid = cursor.fetchone()
    return _position(file, int(position), str(gtid[0] or "") if gtid else "")


def is_mariadb(connection: pymysql.Connection[Any]) -> bool:
    """Whether the server is MariaDB, by its own word: a proxy greets with another one."""
    return "mariadb" in str(_rows(connection, "SELECT version()")[0][0]).lower()


def _position(file: str, position: int, gtid: str) -> str:
    return json.dumps({"file": file, "position": position, "gtid": gtid.replace("\n", "")})


def _rows(connection: pymysql.Connection[Any], statement: str) -> tuple[tuple[Any, ...], ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return tuple(cursor.fetchall())
