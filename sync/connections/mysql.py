"""MySQL and MariaDB: what a URL may say, how a connection is opened, and what their errors mean.

Every error of PyMySQL that leaves `sync` passes through `mysql_errors`: it becomes a `TransientError` (the
server was away, starting, full, or a deadlock's victim) or a `SyncError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sync.connections.certificates import UNVERIFIED, certificate_way_out
from sync.connections.urls import APPLICATION, CONNECT_TIMEOUT_SECONDS, DatabaseUrl, expect, parse
from sync.errors import SyncError, TransientError

if TYPE_CHECKING:
    import pymysql

TLS_FILES = {"ssl_ca", "ssl_cert", "ssl_key"}
TLS_FLAGS = {"ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"}
TLS_MODES: dict[str, dict[str, Any]] = {
    "disabled": {"ssl_disabled": True},
    "preferred": {},
    "required": {"ssl": {"check_hostname": False}},
    "verify_ca": {"ssl_verify_cert": True},
    "verify_identity": {"ssl_verify_cert": True, "ssl_verify_identity": True},
}
SECONDS = {"connect_timeout", "read_timeout", "write_timeout"}
TRANSIENT = {
    1040,  # too many connections
    1053,  # server shutdown in progress
    1158, 1159, 1160, 1161,  # network read and write errors
    1203, 1226,  # a user's connections or hourly resources are used up
    1205, 1213,  # lock wait timeout, deadlock
    1412,  # table definition has changed, please retry transaction
    1927, 3169,  # the connection or session was killed
    2002, 2003, 2006, 2013, 2055,  # cannot connect, gone away, lost
    4031,  # the server has ended a session that was idle
}  # fmt: skip
NOT_COMPUTED = (
    "a VIRTUAL column or a view cannot be computed for one of the rows, under the server's own sql_mode:"
    " correct the row, or exclude the column"
)
CONNECTIONS = (
    "a pass takes up to four connections at once, and so does each one that runs beside it: raise the limit"
    " (ALTER USER … WITH MAX_USER_CONNECTIONS or max_user_connections, or MAX_QUERIES_PER_HOUR)"
)
WAY_OUT = {
    1044: "grant the user access to the database",
    1045: "check user and password",
    1049: "check the database's name in the URL",
    1104: "the user may not SET sql_big_selects: raise max_join_size on the server",
    1142: "GRANT SELECT on the table to this user",
    1143: "GRANT SELECT on the column to this user, or exclude it",
    1153: "raise max_allowed_packet on the server",
    1203: CONNECTIONS,
    1226: CONNECTIONS,
    1205: "somebody has locked the table, or alters it: SHOW FULL PROCESSLIST tells who",
    1227: "grant the named privilege to this user",
    1412: "the table was altered, truncated or replaced while it was read",
    1690: NOT_COMPUTED,
    1969: "the user may not SET max_statement_time: raise it on the server, or the user's own",
    2026: "let the server offer TLS, or ask for none with another ssl_mode in the URL",
    3024: "the user may not SET max_execution_time: raise it on the server",
    3141: NOT_COMPUTED,  # what should be JSON is none
    3143: NOT_COMPUTED,  # a JSON path that is none
    3146: NOT_COMPUTED,  # a value that no JSON function takes
    3159: "add ssl_mode=required to the URL",
}


def connect_mysql(url: str | DatabaseUrl, **overrides: Any) -> pymysql.Connection[Any]:
    """A PyMySQL connection; `overrides` are further arguments of `pymysql.connect`.

    Raises `TransientError` when the server cannot be reached now, `SyncError` when it refuses this user,
    database or TLS setting.
    """
    from sync.connections.mysql_connection import MySQLConnection  # noqa: PLC0415  (not every pass has to do with MySQL)

    parsed = parse(url) if isinstance(url, str) else url
    with mysql_errors(str(parsed)):
        return MySQLConnection(**{**mysql_arguments(parsed), **overrides})


def mysql_arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Arguments for `pymysql.connect`: UTF-8 and, from the query string, timeouts, the socket and TLS
    (`ssl_ca`, `ssl_cert`, `ssl_key`, `ssl_verify_cert`, `ssl_verify_identity`, `ssl_mode`).

    Raises `SyncError` for an option that it does not know: a mistyped TLS option must not mean no TLS.
    """
    expect(url, "mysql")
    arguments: dict[str, Any] = {
        "host": url.host,
        "port": url.port or 3306,
        "user": url.user,
        # PyMySQL sends text as Latin-1.
        "password": url.password.encode(),
        "database": url.database or None,
        "charset": "utf8mb4",
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "program_name": APPLICATION,
    }
    for name, value in url.options.items():
        if name in SECONDS:
            arguments[name] = _number(url, name, value)
        elif name in TLS_FILES or name == "unix_socket":
            arguments[name] = value
        elif name in TLS_FLAGS:
            arguments[name] = value.lower() in {"1", "true", "yes", "on"}
        elif name in {"ssl_mode", "ssl-mode"}:
            mode = value.lower().replace("-", "_")
            if mode not in TLS_MODES:
                raise SyncError(f"{url}: ssl_mode is one of {', '.join(TLS_MODES)}")
            arguments.update(TLS_MODES[mode])
        elif name != "charset":
            raise SyncError(f"{url}: unknown option {name!r} in the URL")
    return arguments


def _number(url: DatabaseUrl, name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]+", value):
        raise SyncError(f"{url}: {name} is a number of seconds, not {value!r}")
    return int(value)


@contextmanager
def mysql_errors(where: str) -> Iterator[None]:
    """Turn PyMySQL's errors into ours; `where` begins the message."""
    from pymysql.err import InterfaceError, MySQLError  # noqa: PLC0415

    try:
        yield
    except (ConnectionError, TimeoutError, InterfaceError) as error:
        raise TransientError(f"{where}: {error}") from error
    except (MySQLError, OSError) as error:
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        said = str(error.args[-1]) if error.args else type(error).__name__
        if UNVERIFIED in said:
            way_out = certificate_way_out(said, "ssl_ca", "ssl_mode=verify_ca")
            raise SyncError(f"{where}: {said}; {way_out}") from error
        if isinstance(error, FileNotFoundError) and error.filename is None:  # the TLS library names none
            raise SyncError(f"{where}: {said}; check ssl_ca, ssl_cert and ssl_key in the URL") from error
        if isinstance(error, OSError) and error.filename is not None:
            raise SyncError(f"{where}: {error.filename}: {error.strerror}") from error
        way_out = f"; {WAY_OUT[code]}" if code in WAY_OUT else ""
        if code in TRANSIENT and not isinstance(error, OSError):
            raise TransientError(f"{where}: {said}{way_out}") from error
        raise SyncError(f"{where}: {said} ({code}){way_out}") from error
