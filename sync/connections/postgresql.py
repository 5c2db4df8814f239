"""PostgreSQL: what a URL may say, how a connection is opened, and what its errors mean.

Every error of psycopg2 that leaves `sync` passes through `postgresql_errors`: it becomes a `TransientError`
(the server was away, starting, full, or a deadlock's victim) or a `SyncError`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from sync.connections import postgresql_settings
from sync.connections.postgresql_pool import pin
from sync.connections.urls import APPLICATION, CONNECT_TIMEOUT_SECONDS, DatabaseUrl, expect, parse
from sync.errors import SyncError, TransientError, UnexpectedError

# Classes 08 connection, 53 out of resources, 57P shutdown and restart; 40001 serialization, 40P01 deadlock,
# 55P03 lock timeout, 25P03 idle in transaction for too long.
TRANSIENT = ("08", "53", "57P", "40001", "40P01", "55P03", "25P03")
# libpq gives no code for a refused or lost connection; psycopg2 says just this of one that is lost in a COPY.
LOST = "no message from the libpq"
# What a server or libpq says without a code where trying again is pointless, and the way out.
REFUSALS = {
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
# What may pass by itself, and what to do where it does not.
FULL = {
    "too many connections for": "raise CONNECTION LIMIT of the role or the database: passes that run beside"
    " each other each take connections of their own",
    "too many clients already": "raise max_connections on the server, or end what holds its connections",
    "remaining connection slots": "raise max_connections on the server, or end what holds its connections",
}
WAY_OUT = {
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


def connect_postgresql(url: str | DatabaseUrl, **overrides: Any) -> Connection:
    """A psycopg2 connection in autocommit mode: `with connection:` is a transaction, nothing else opens one.

    `overrides` are further libpq parameters. Raises as `connect_mysql` does, and `SyncError` for a pool in
    transaction mode.
    """
    parsed = parse(url) if isinstance(url, str) else url
    connect = partial(psycopg2.connect, **{**postgresql_arguments(parsed), **overrides})
    with postgresql_errors(str(parsed)):
        connection: Connection = connect()
        try:
            connection.autocommit = True
            pin(connection, str(parsed), connect)
        except BaseException:
            connection.close()
            raise
    return connection


def connect_to_write(url: str | DatabaseUrl) -> Connection:
    """As `connect_postgresql`, with a session that is set to write, whatever its role and database prefer."""
    connection = connect_postgresql(url)
    with postgresql_errors(str(parse(url) if isinstance(url, str) else url)):
        settings = {**postgresql_settings.WRITING, **postgresql_settings.PLANNING}
        postgresql_settings.apply(connection, settings)
    return connection


def postgresql_arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Arguments for `psycopg2.connect`; the query string may hold everything that libpq knows (`sslmode`,
    `sslrootcert`, `options`, …), which libpq itself checks."""
    expect(url, "postgresql")
    defaults = {"connect_timeout": str(CONNECT_TIMEOUT_SECONDS), "application_name": APPLICATION}
    return {"dsn": url.text, **{name: value for name, value in defaults.items() if name not in url.options}}


@contextmanager
def postgresql_errors(where: str) -> Iterator[None]:
    """Turn psycopg2's errors into ours; `where` begins the message."""
    try:
        yield
    except psycopg2.Error as error:
        said = (error.diag.message_primary or str(error)).strip()
        if _transient(error, said):
            shown = "the connection was lost" if LOST in said else said
            hint = next((way_out for refusal, way_out in FULL.items() if refusal in said), "")
            raise TransientError(f"{where}: {shown}{f'; {hint}' if hint else ''}") from error
        state = f" ({error.pgcode})" if error.pgcode else ""
        hint = error.diag.message_hint or _way_out(error, said)
        raise SyncError(f"{where}: {said}{state}{f'; {hint}' if hint else ''}") from error


def _way_out(error: psycopg2.Error, said: str) -> str:
    if error.pgcode:
        return WAY_OUT.get(error.pgcode, "")
    return next((way_out for refusal, way_out in REFUSALS.items() if refusal in said), "")


def _transient(error: psycopg2.Error, said: str) -> bool:
    if error.pgcode:
        return error.pgcode.startswith(TRANSIENT)
    broken = isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError))
    lost = broken or LOST in said
    return lost and not any(refusal in said for refusal in REFUSALS)


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
