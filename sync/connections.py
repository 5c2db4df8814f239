"""Open a connection from a URL, and tell what is transient from what is not.

Every driver error that leaves `sync` passes through one of the `…_errors` contexts here: it becomes a
`TransientError` (the server was away, starting, full, or a deadlock's victim) or a `SyncError`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import connection as PostgresConnection

from sync import postgresql_settings
from sync.errors import SyncError, TransientError, UnexpectedError
from sync.postgresql_pool import pin
from sync.urls import (
    DatabaseUrl,
    mongodb_arguments,
    mysql_arguments,
    parse,
    postgresql_arguments,
    refuse_unknown_options,
)

if TYPE_CHECKING:
    import pymysql
    from pymongo import MongoClient

MYSQL_TRANSIENT = {
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
CONNECTIONS = (
    "a pass takes up to four connections at once, and so does each one that runs beside it: raise the limit"
    " (ALTER USER … WITH MAX_USER_CONNECTIONS or max_user_connections, or MAX_QUERIES_PER_HOUR)"
)
MYSQL_WAY_OUT = {
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
    1969: "the user may not SET max_statement_time: raise it on the server, or the user's own",
    2026: "let the server offer TLS, or ask for none with another ssl_mode in the URL",
    3024: "the user may not SET max_execution_time: raise it on the server",
    3159: "add ssl_mode=required to the URL",
}
UNVERIFIED = "CERTIFICATE_VERIFY_FAILED"
MONGODB_TRANSIENT = {
    43,  # cursor not found
    89, 91,  # network timeout, shutdown in progress
    189, 10107, 13435, 13436,  # no primary now
    246,  # snapshot unavailable
    11600, 11602,  # interrupted
}  # fmt: skip
MONGODB_WAY_OUT = {
    13: "grant the role read on the database to this user",
    18: "check user, password and authSource",
    43: "reading paused for longer than the server keeps a cursor: raise cursorTimeoutMillis",
    50: "the server ends what takes longer than its defaultMaxTimeMS, or maxTimeMS in the URL: raise that",
    291: "the server has notablescan set: unset it, or make an index on the cursor's field",
    292: "make an index on the cursor's field",
    239: "reading took longer than the server keeps a snapshot: raise minSnapshotHistoryWindowInSeconds",
}
# Classes 08 connection, 53 out of resources, 57P shutdown and restart; 40001 serialization, 40P01 deadlock,
# 55P03 lock timeout, 25P03 idle in transaction for too long.
POSTGRES_TRANSIENT = ("08", "53", "57P", "40001", "40P01", "55P03", "25P03")
# libpq gives no code for a refused or lost connection; psycopg2 says just this of one that is lost in a COPY.
POSTGRES_LOST = "no message from the libpq"
# What a server or libpq says without a code where trying again is pointless, and the way out.
POSTGRES_REFUSALS = {
    "does not match host name": "name the host in the URL as the certificate does, or ask for"
    " sslmode=verify-ca, which does not compare it",
    "password authentication failed": "check user and password",
    "no password supplied": "give the password in the URL",
    "does not exist": "check the names in the URL",
    "no pg_hba.conf entry": "let pg_hba.conf admit this user from here, or add sslmode=require to the URL",
    "permission denied": "GRANT CONNECT on the database to this user",
    "is not permitted to log in": "ALTER ROLE it to LOGIN",
    "certificate": "name the CA's certificate with sslrootcert in the URL",
    "does not support SSL": "let the server offer TLS, or ask for none with another sslmode in the URL",
}
POSTGRES_WAY_OUT = {
    **dict.fromkeys(
        ("23502", "23503", "23505", "23514", "23P01"),
        "the target's own table has this constraint: mend the row in the source, or drop the constraint",
    ),
    "25006": "the server is a standby, or was made read-only: name the one that takes writes in the URL",
    "42501": "grant this user the right to it",
    "57014": "somebody cancelled it, or a limit of the server or of a pool before it ended it: run it again,"
    " or raise that limit for this user",
    "22P05": "mend that text in the source, exclude its column, or make the database with ENCODING 'UTF8'",
}


def connect_mysql(url: str | DatabaseUrl, **overrides: Any) -> pymysql.Connection[Any]:
    """A PyMySQL connection; `overrides` are further arguments of `pymysql.connect`.

    Raises `TransientError` when the server cannot be reached now, `SyncError` when it refuses this user,
    database or TLS setting.
    """
    from sync.mysql_connection import MySQLConnection  # noqa: PLC0415  (not every pass has to do with MySQL)

    parsed = parse(url) if isinstance(url, str) else url
    with mysql_errors(str(parsed)):
        return MySQLConnection(**{**mysql_arguments(parsed), **overrides})


def connect_postgresql(url: str | DatabaseUrl, **overrides: Any) -> PostgresConnection:
    """A psycopg2 connection in autocommit mode: `with connection:` is a transaction, nothing else opens one.

    `overrides` are further libpq parameters. Raises as `connect_mysql` does, and `SyncError` for a pool in
    transaction mode.
    """
    parsed = parse(url) if isinstance(url, str) else url
    connect = partial(psycopg2.connect, **{**postgresql_arguments(parsed), **overrides})
    with postgresql_errors(str(parsed)):
        connection: PostgresConnection = connect()
        try:
            connection.autocommit = True
            pin(connection, str(parsed), connect)
        except BaseException:
            connection.close()
            raise
    return connection


def connect_to_write(url: str | DatabaseUrl) -> PostgresConnection:
    """As `connect_postgresql`, with a session that is set to write, whatever its role and database prefer."""
    connection = connect_postgresql(url)
    with postgresql_errors(str(parse(url) if isinstance(url, str) else url)):
        postgresql_settings.apply(connection, postgresql_settings.WRITING)
    return connection


def connect_mongodb(url: str | DatabaseUrl, **overrides: Any) -> MongoClient[dict[str, Any]]:
    """A MongoClient that has reached its server and logged in; `overrides` are further client options.

    Raises as `connect_mysql` does.
    """
    from pymongo import MongoClient  # noqa: PLC0415  (a tenth of a second that passes over MySQL need not pay)

    parsed = parse(url) if isinstance(url, str) else url
    refuse_unknown_options(parsed)
    with mongodb_errors(str(parsed)):
        client: MongoClient[dict[str, Any]] = MongoClient(**{**mongodb_arguments(parsed), **overrides})
        client[parsed.database or "admin"].command("ping")
    return client


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
            way_out = _certificate_way_out(said, "ssl_ca", "ssl_mode=verify_ca")
            raise SyncError(f"{where}: {said}; {way_out}") from error
        if isinstance(error, FileNotFoundError) and error.filename is None:  # the TLS library names none
            raise SyncError(f"{where}: {said}; check ssl_ca, ssl_cert and ssl_key in the URL") from error
        if isinstance(error, OSError) and error.filename is not None:
            raise SyncError(f"{where}: {error.filename}: {error.strerror}") from error
        way_out = f"; {MYSQL_WAY_OUT[code]}" if code in MYSQL_WAY_OUT else ""
        if code in MYSQL_TRANSIENT and not isinstance(error, OSError):
            raise TransientError(f"{where}: {said}{way_out}") from error
        raise SyncError(f"{where}: {said} ({code}){way_out}") from error


def _certificate_way_out(said: str, authority: str, any_name: str) -> str:
    """What to do about a certificate: it may be of an unknown authority, or made out for another name."""
    if re.search("mismatch|not valid for", said):
        return (
            f"name the host in the URL as the certificate does, or ask for {any_name}, which compares no name"
        )
    return f"name its CA's certificate with {authority} in the URL"


@contextmanager
def postgresql_errors(where: str) -> Iterator[None]:
    """Turn psycopg2's errors into ours; `where` begins the message."""
    try:
        yield
    except psycopg2.Error as error:
        said = (error.diag.message_primary or str(error)).strip()
        if _transient(error, said):
            shown = "the connection was lost" if POSTGRES_LOST in said else said
            raise TransientError(f"{where}: {shown}") from error
        state = f" ({error.pgcode})" if error.pgcode else ""
        hint = error.diag.message_hint or _postgresql_way_out(error, said)
        raise SyncError(f"{where}: {said}{state}{f'; {hint}' if hint else ''}") from error


def _postgresql_way_out(error: psycopg2.Error, said: str) -> str:
    if error.pgcode:
        return POSTGRES_WAY_OUT.get(error.pgcode, "")
    return next((way_out for refusal, way_out in POSTGRES_REFUSALS.items() if refusal in said), "")


def _transient(error: psycopg2.Error, said: str) -> bool:
    if error.pgcode:
        return error.pgcode.startswith(POSTGRES_TRANSIENT)
    broken = isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError))
    lost = broken or POSTGRES_LOST in said
    return lost and not any(refusal in said for refusal in POSTGRES_REFUSALS)


@contextmanager
def mongodb_errors(where: str) -> Iterator[None]:
    """Turn pymongo's errors into ours; `where` begins the message."""
    from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError  # noqa: PLC0415

    try:
        yield
    except ConnectionFailure as error:
        # What follows is pymongo's settings and its picture of the replica set.
        said = str(error).partition(" (configured timeouts")[0].partition(", Timeout: ")[0]
        if UNVERIFIED in said:
            way_out = _certificate_way_out(said, "tlsCAFile", "tlsAllowInvalidHostnames=true")
            raise SyncError(f"{where}: {said}; {way_out}") from error
        raise TransientError(f"{where}: {said}") from error
    except OperationFailure as error:
        said = (error.details or {}).get("errmsg", str(error))
        way_out = f"; {MONGODB_WAY_OUT[error.code]}" if error.code in MONGODB_WAY_OUT else ""
        if error.has_error_label("TransientTransactionError") or error.code in MONGODB_TRANSIENT:
            raise TransientError(f"{where}: {said}{way_out}") from error
        said = said.partition(" to execute command ")[0]
        raise SyncError(f"{where}: {said} ({error.code}){way_out}") from error
    except PyMongoError as error:
        raise SyncError(f"{where}: {error}") from error


def named(table: str, error: Exception) -> SyncError:
    """An error of the pass over `table`, so that it stops no other one's.

    A driver's error of the target becomes what `postgresql_errors` makes of it. What nobody foresaw is logged
    with its traceback.
    """
    try:
        with postgresql_errors(table):
            raise error
    except SyncError as known:
        return known
    except Exception:
        unexpected = UnexpectedError(f"{table}: {type(error).__name__}: {error}")
        unexpected.__cause__ = error
        logging.getLogger(__name__).error("%s", unexpected, exc_info=error)
        return unexpected
