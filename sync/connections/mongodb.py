"""MongoDB: what a URL may say, how a client is opened, and what its errors mean.

Every error of pymongo that leaves `sync` passes through `mongodb_errors`: it becomes a `TransientError` (the
server was away, starting, full, or had no primary) or a `SyncError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sync.connections.certificates import UNVERIFIED, certificate_way_out
from sync.connections.urls import APPLICATION, CONNECT_TIMEOUT_SECONDS, DatabaseUrl, expect, parse
from sync.errors import SyncError, TransientError

if TYPE_CHECKING:
    from pymongo import MongoClient

TRANSIENT = {
    43,  # cursor not found
    89, 91,  # network timeout, shutdown in progress
    189, 10107, 13435, 13436,  # no primary now
    246,  # snapshot unavailable
    388,  # the transaction does not fit into what the cache has free
    11600, 11602,  # interrupted
}  # fmt: skip
WAY_OUT = {
    13: "grant the role read on the database to this user",
    18: "check user, password and authSource",
    43: "reading paused for longer than the server keeps a cursor: raise cursorTimeoutMillis",
    50: "the server ends what takes longer than its defaultMaxTimeMS, or maxTimeMS in the URL: raise that",
    291: "the server has notablescan set: unset it, or make an index on the cursor's field",
    388: "the server's cache is too small for what it does at once: raise wiredTigerCacheSizeGB",
    292: "make an index on the cursor's field",
    239: "reading took longer than the server keeps a snapshot: raise minSnapshotHistoryWindowInSeconds",
}


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


def mongodb_arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Arguments for `pymongo.MongoClient`; the query string may hold everything that the driver knows."""
    expect(url, "mongodb")
    milliseconds = CONNECT_TIMEOUT_SECONDS * 1000
    defaults = {
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
        "appname": APPLICATION,
    }
    given = {name.lower() for name in url.options}
    return {
        "host": url.text,
        **{name: value for name, value in defaults.items() if name.lower() not in given},
    }


def refuse_unknown_options(url: DatabaseUrl) -> None:
    """Raises `SyncError` for an option in a MongoDB URL that the driver does not know, or a value that it
    does not take, of which it would only warn: a mistyped `tls` must not mean no TLS."""
    from pymongo.errors import PyMongoError  # noqa: PLC0415
    from pymongo.uri_parser import split_options, validate_options  # noqa: PLC0415

    query = urlsplit(url.text).query
    if not query:
        return
    try:
        validate_options(split_options(query, validate=False))
    except (PyMongoError, ValueError, TypeError) as error:
        said = str(error).partition(" or maybe a camelCase")[0]
        raise SyncError(f"{url}: {said}; correct the options in the URL") from error


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
            way_out = certificate_way_out(said, "tlsCAFile", "tlsAllowInvalidHostnames=true")
            raise SyncError(f"{where}: {said}; {way_out}") from error
        raise TransientError(f"{where}: {said}") from error
    except OperationFailure as error:
        details = error.details or {}
        # What refuses writes in bulk repeats each of them: the first refusal's reason has to do.
        refusal = next(iter(details.get("writeErrors") or ()), details)
        said, code = refusal.get("errmsg", str(error)), refusal.get("code", error.code)
        way_out = f"; {WAY_OUT[code]}" if code in WAY_OUT else ""
        if error.has_error_label("TransientTransactionError") or code in TRANSIENT:
            raise TransientError(f"{where}: {said}{way_out}") from error
        said = said.partition(" to execute command ")[0]
        raise SyncError(f"{where}: {said} ({code}){way_out}") from error
    except PyMongoError as error:
        raise SyncError(f"{where}: {error}") from error
