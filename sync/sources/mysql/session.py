"""The session in which MySQL and MariaDB are read, whatever the server's own defaults are.

Each variable of the two servers that changes what a SELECT returns, or makes it fail, is either set here or
left as the server has it, since a view or a generated column shows the shop's users the same then:
`lc_time_names`, `default_week_format`, `div_precision_increment`, `group_concat_max_len`,
`cte_max_recursion_depth`, `max_recursive_iterations`, `block_encryption_mode`, `default_regex_flags`. All
other ones have to do with writing, with plans and buffers, or with what is told beside the rows.
https://dev.mysql.com/doc/refman/8.4/en/server-system-variable-reference.html,
https://mariadb.com/kb/en/server-system-variables/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pymysql

from sync.connections.mysql import connect_mysql, mysql_errors
from sync.connections.urls import DatabaseUrl
from sync.errors import SyncError
from sync.sources.mysql.log_position import is_mariadb

UNLIMITED = "18446744073709551615"
IDLE_SECONDS = 7 * 86400  # longer than any table takes to load while another connection waits for it
# The one mode that changes what a stored expression comes to and no statement of ours.
SQL_MODE = "IF(FIND_IN_SET('NO_UNSIGNED_SUBTRACTION', @@GLOBAL.sql_mode), 'NO_UNSIGNED_SUBTRACTION', '')"
COMMON = {
    # Expressions rely on backslash escapes, on names in backticks alone and on dates as they are stored.
    "sql_mode": SQL_MODE,
    "time_zone": "'+00:00'",  # a TIMESTAMP is shown in it
    "sql_select_limit": UNLIMITED,  # a SELECT ends there, without a word
    "sql_auto_is_null": "0",  # `IS NULL` finds the row that was inserted last
    "sql_big_selects": "1",  # else a SELECT that may look at more rows than max_join_size fails
    "sql_buffer_result": "0",  # every result becomes a temporary table first
    "sql_quote_show_create": "1",  # foreign keys are read from a table's definition
    "completion_type": "0",  # a ROLLBACK that begins another transaction, or ends the session
    "lc_messages": "'en_US'",  # reasons not to send the log are told by their words
    # A target that is busy for minutes must not make the server hang up.
    "wait_timeout": str(IDLE_SECONDS),
    "net_read_timeout": "3600",
    "net_write_timeout": "3600",
    # Whoever waits for a locked table makes others wait for those that its snapshot has read, the server's
    # default being a day.
    "lock_wait_timeout": "10",
}
MYSQL = {
    "transaction_isolation": "'REPEATABLE-READ'",  # under a lesser one a greatest value may be rolled back
    "max_execution_time": "0",  # milliseconds after which a SELECT fails
    "show_gipk_in_create_table_and_information_schema": "1",  # else a key that the server made is hidden
    "use_secondary_engine": "OFF",  # whose copy of a table may lag behind, or cannot run our expressions
    "range_optimizer_max_mem_size": "0",  # many long keys exceed it, and the whole table is read for them
    "parser_max_mem_size": UNLIMITED,  # as many keys in one statement may
}
MARIADB = {
    "tx_isolation": "'REPEATABLE-READ'",
    "max_statement_time": "0",  # seconds after which any statement fails
    "old_mode": "''",
    "system_versioning_asof": "DEFAULT",  # rows as they were at a time
    "idle_transaction_timeout": "0",
    "idle_readonly_transaction_timeout": "0",
    "idle_write_transaction_timeout": "0",
    "tmp_disk_table_size": UNLIMITED,  # of the table that a long list of keys becomes
    "max_session_mem_used": "9223372036854775807",
    "query_cache_type": "OFF",
    "wsrep_dirty_reads": "0",  # a node that is cut off from its cluster answers from what it had
}
# The values that a session may have: with others the rows would be other ones, without a word. A server of
# another version may lack a variable.
REQUIRED: dict[str, set[str]] = {
    "sql_mode": {"", "NO_UNSIGNED_SUBTRACTION"},
    "time_zone": {"+00:00"},
    "sql_select_limit": {UNLIMITED},
    "sql_auto_is_null": {"0"},
    "character_set_client": {"utf8mb4"},
    "character_set_connection": {"utf8mb4"},
    "character_set_results": {"utf8mb4"},
    "transaction_isolation": {"REPEATABLE-READ"},
    "tx_isolation": {"REPEATABLE-READ"},
    "show_gipk_in_create_table_and_information_schema": {"1"},
    "system_versioning_asof": {"DEFAULT"},
    "wsrep_dirty_reads": {"0"},
}
UNKNOWN_VARIABLE = 1193
# A version lacks the variable, or it may not be set to this, not by this user, or not in a session.
NOT_SETTABLE = {UNKNOWN_VARIABLE, 1227, 1229, 1231, 1232, 1238, 1651}


def connect(
    url: DatabaseUrl, autocommit: bool = False, read_timeout: float | None = None
) -> pymysql.Connection[Any]:
    """A connection whose session is the one above; `read_timeout` in seconds.

    Raises as `connect_mysql` does, and `SyncError` with the variable's name where the server, or a proxy
    before it, keeps one at a value that would change the rows.
    """
    options = {} if read_timeout is None else {"read_timeout": read_timeout}
    connection = connect_mysql(url, autocommit=autocommit, **options)
    try:
        with mysql_errors(str(url)):
            settings = {**COMMON, **(MARIADB if is_mariadb(connection) else MYSQL)}
            _set(connection, settings)
            _check(connection, url, [*settings, *(name for name in REQUIRED if "character_set" in name)])
    except BaseException:
        connection.close()
        raise
    return connection


# What a session of another driver needs beside the values above: no end to its statements.
UNTIMED = ("max_execution_time", "max_statement_time", "net_write_timeout", "wait_timeout")


def session_values(connection: pymysql.Connection[Any]) -> dict[str, str]:
    """The settings that make another session read the same rows: those of `connection` that the server has.
    The character set is the driver's affair, which reads bytes."""
    names = [name for name in REQUIRED if "character_set" not in name and "isolation" not in name]
    return _values(connection, [*names, *UNTIMED])


def _set(connection: pymysql.Connection[Any], settings: Mapping[str, str]) -> None:
    """Set them all at once, or each by itself where one cannot be set."""
    assignments = ", ".join(f"SESSION {name} = {value}" for name, value in settings.items())
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET {assignments}")
    except pymysql.err.MySQLError as error:
        if error.args[0] not in NOT_SETTABLE:
            raise
        if len(settings) > 1:
            for name, value in settings.items():
                _set(connection, {name: value})


def _check(connection: pymysql.Connection[Any], url: DatabaseUrl, names: list[str]) -> None:
    required = [name for name in names if name in REQUIRED]
    for name, value in _values(connection, required).items():
        if value not in REQUIRED[name]:
            raise SyncError(
                f"{url}: the session's {name} is {value!r}, which would change the rows that are read, and"
                f" cannot be set to {min(REQUIRED[name])!r}. Let the server, or the proxy before it,"
                f" allow this user to set it, or SET GLOBAL {name}"
            )


def _values(connection: pymysql.Connection[Any], names: list[str]) -> dict[str, str]:
    """What the variables are in this session; one that the server does not have is left out."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(f'@@SESSION.{name}' for name in names)}")
            row = cursor.fetchone() or ()
        return dict(zip(names, map(str, row), strict=True))
    except pymysql.err.MySQLError as error:
        if error.args[0] != UNKNOWN_VARIABLE:
            raise
    if len(names) == 1:
        return {}
    return {name: value for each in names for name, value in _values(connection, [each]).items()}
