"""A Db2 URL into the driver's connection string, and the connection."""

from __future__ import annotations

import logging
from typing import Any

from sync.connections.urls import CONNECT_TIMEOUT_SECONDS, DatabaseUrl, parse
from sync.errors import SyncError
from sync.warehouses.dbapi.driver import load_driver

DEFAULT_PORT = 50000
# What the URL's query string may have: keywords of the CLI driver, https://www.ibm.com/docs/en/db2/11.5
# ?topic=odbc-cliodbc-configuration-keywords. A mistyped one must not mean no TLS.
KEYWORDS = {
    name.lower(): name
    for name in (
        *("Security", "SSLServerCertificate", "SSLClientHostnameValidation", "SSLClientKeystoreDB"),
        *("SSLClientKeystash", "SSLClientKeystoreDBPassword", "TLSVersion", "Authentication"),
        *("ConnectTimeout", "QueryTimeoutInterval", "ReceiveTimeout", "TcpipConnectTimeout"),
    )
}
# Our own: how tables are organized, and that the server is Derby.
ORGANIZE, SERVER = "organize", "server"
# Between these the connection string has its values, and the driver knows no way to write them in one.
UNSPEAKABLE = ";{}"


def connection_string(url: DatabaseUrl, further: str = "") -> str:
    """The DSN of a URL. Raises `SyncError` for an option that is none, and for what a DSN cannot say."""
    values = {
        "DATABASE": url.database,
        "HOSTNAME": url.host,
        "PORT": str(url.port or DEFAULT_PORT),
        "PROTOCOL": "TCPIP",
        "UID": url.user,
        "PWD": url.password,
        "ConnectTimeout": str(CONNECT_TIMEOUT_SECONDS),
    }
    for name, value in url.options.items():
        if name.lower() in (ORGANIZE, SERVER):
            continue
        if name.lower() not in KEYWORDS:
            known = ", ".join([*sorted(KEYWORDS.values()), ORGANIZE])
            raise SyncError(f"{url}: unknown option {name!r} in the URL; Db2's are {known}")
        values[KEYWORDS[name.lower()]] = value
    if not url.database:
        raise SyncError(f"{url}: the URL names no database, as /BLUDB would")
    for name, value in values.items():
        if set(value) & set(UNSPEAKABLE):
            raise SyncError(
                f"{url}: {name} has one of {' '.join(UNSPEAKABLE)}, which Db2's driver cannot be told"
            )
    return "".join(f"{name}={value};" for name, value in values.items()) + further


def connect(url: str, further: str = "") -> Any:
    """A connection that is not in autocommit mode."""
    driver = load_driver("ibm_db_dbi", "Db2", "db2")
    logging.getLogger("ibm_db_dbi").setLevel(logging.CRITICAL)
    return driver.connect(connection_string(parse(url), further), "", "")
