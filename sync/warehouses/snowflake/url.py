"""SOFTCART_PRODUCTION_URL of Snowflake, in the form of its SQLAlchemy dialect:
``snowflake://user:<password>@account/database?warehouse=…&role=…``."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sync.connections.urls import APPLICATION
from sync.errors import SyncError

KEY_PASSWORD = "SOFTCART_SNOWFLAKE_KEY_PASSWORD"  # pragma: allowlist secret
# What the driver's `connect` takes besides.
PASSED_ON = {"account", "warehouse", "role", "protocol", "authenticator", "private_key_file"}
SECONDS = {"network_timeout", "login_timeout"}
# Ours: an existing stage instead of the one that is made, and totals as a dynamic table.
OWN = {"stage", "dynamic_tables"}
SESSION = {
    "TIMEZONE": "UTC",
    "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
    # A transaction whose client is gone is rolled back once it has kept another one waiting for five minutes.
    "LOCK_TIMEOUT": 330,
    "ABORT_DETACHED_QUERY": True,
    "QUERY_TAG": APPLICATION,
}


def options(url: str) -> dict[str, str]:
    """The options of the query string. Raises `SyncError` for one that nobody knows."""
    found = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    known = PASSED_ON | SECONDS | OWN
    if unknown := sorted(found.keys() - known):
        raise SyncError(
            f"the snowflake URL has an unknown option {unknown[0]!r}; there are {', '.join(sorted(known))}"
        )
    return found


def connect_arguments(url: str) -> dict[str, Any]:
    """Arguments of `snowflake.connector.connect`. Without a port the host is the account's name. The password
    of a `private_key_file` is in SOFTCART_SNOWFLAKE_KEY_PASSWORD.

    Raises `SyncError` where the account, the user or the database is missing.
    """
    parts, given = urlsplit(url), options(url)
    host, database = parts.hostname or "", unquote(parts.path.strip("/"))
    if not (host and parts.username and database):
        raise SyncError("the snowflake URL has the form snowflake://user:<password>@account/database")
    arguments: dict[str, Any] = {
        "user": unquote(parts.username),
        "database": database,
        "schema": "SYNC",  # every name is qualified; a session has to be somewhere
        "account": host,
        "application": APPLICATION,
        "autocommit": False,
        "paramstyle": "qmark",
        "session_parameters": dict(SESSION),
        "login_timeout": 30,
        "network_timeout": 120,
    }
    if parts.port:
        arguments |= {"host": host, "port": parts.port}
    if parts.password:
        arguments["password"] = unquote(parts.password)
    if password := os.environ.get(KEY_PASSWORD):
        arguments["private_key_file_pwd"] = password
    arguments |= {name: value for name, value in given.items() if name in PASSED_ON}
    if given.get("protocol") == "http":  # a stand-in, which is in no cloud that the driver could look for
        quiet = {**SESSION, "CLIENT_TELEMETRY_ENABLED": False}
        arguments |= {"session_parameters": quiet, "platform_detection_timeout_seconds": 0}
    arguments |= {name: int(value) for name, value in given.items() if name in SECONDS}
    return arguments
