"""Database URLs into the connect arguments of the drivers.

Plain URLs (`mysql://`, `mongodb://`, `postgresql://`) and SQLAlchemy's (`mysql+pymysql://`,
`postgresql+psycopg2://`) mean the same. A password never shows in a `repr`, a `str` or an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

from sync.errors import SyncError

APPLICATION = "softcart"
CONNECT_TIMEOUT_SECONDS = 10

SYSTEMS = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
    "db2": "db2",
    "postgresql": "postgresql",
    "postgres": "postgresql",
}
MYSQL_TLS_FILES = {"ssl_ca", "ssl_cert", "ssl_key"}
MYSQL_TLS_FLAGS = {"ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"}
MYSQL_TLS_MODES: dict[str, dict[str, Any]] = {
    "disabled": {"ssl_disabled": True},
    "preferred": {},
    "required": {"ssl": {"check_hostname": False}},
    "verify_ca": {"ssl_verify_cert": True},
    "verify_identity": {"ssl_verify_cert": True, "ssl_verify_identity": True},
}
MYSQL_SECONDS = {"connect_timeout", "read_timeout", "write_timeout"}


@dataclass(frozen=True)
class DatabaseUrl:
    """One server and database. `text` is the URL as the drivers of MongoDB and PostgreSQL read it."""

    system: str
    text: str = field(repr=False)
    host: str
    database: str
    user: str = ""
    password: str = field(default="", repr=False)
    port: int | None = None
    options: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        user = f"{quote(self.user)}:***@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.system}://{user}{self.host}{port}/{self.database}"


def parse(url: str) -> DatabaseUrl:
    """Read a URL.

    Raises `SyncError` for an unknown scheme, a port that is no number, or a character that ends the host too
    early; the message never holds the URL itself, since its password would be in there.
    """
    scheme, separator, rest = url.partition("://")
    system = SYSTEMS.get(scheme.lower()) or SYSTEMS.get(scheme.lower().partition("+")[0])
    if not separator or system is None:
        raise SyncError(f"a database URL begins with {', '.join(f'{name}://' for name in sorted(SYSTEMS))}")
    plain_scheme = scheme.lower() if scheme.lower() == "mongodb+srv" else system
    plain = f"{plain_scheme}://{rest}"
    parts = urlsplit(plain)
    if "@" in parts.path + parts.query + parts.fragment:
        raise SyncError(
            f"the {system} URL has an @ behind its host. Special characters of a user, a password or a"
            f" name are percent-encoded: @ as %40, / as %2F, ? as %3F, # as %23"
        )
    login, at, address = parts.netloc.rpartition("@")
    # An @ or a stray percent sign in a password would lead a driver astray, and show it in an error.
    encoded = ":".join(quote(unquote(part), safe="") for part in login.split(":", 1))
    plain = urlunsplit(parts._replace(netloc=f"{encoded}{at}{address}"))
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    # These may list several hosts, which is no host and port that urllib would read.
    many = system == "mongodb" or (system == "postgresql" and "," in address)
    return DatabaseUrl(
        system=system,
        text=plain,
        host=address if many else (parts.hostname or options.get("host") or "localhost"),
        port=None if many else _port(parts),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.lstrip("/")),
        options=options,
    )


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise SyncError(f"the port in the URL of host {parts.hostname} is not a number up to 65535") from None


def mysql_arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Arguments for `pymysql.connect`: UTF-8 and, from the query string, timeouts, the socket and TLS
    (`ssl_ca`, `ssl_cert`, `ssl_key`, `ssl_verify_cert`, `ssl_verify_identity`, `ssl_mode`).

    Raises `SyncError` for an option that it does not know: a mistyped TLS option must not mean no TLS.
    """
    _expect(url, "mysql")
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
        if name in MYSQL_SECONDS:
            arguments[name] = _number(url, name, value)
        elif name in MYSQL_TLS_FILES or name == "unix_socket":
            arguments[name] = value
        elif name in MYSQL_TLS_FLAGS:
            arguments[name] = value.lower() in {"1", "true", "yes", "on"}
        elif name in {"ssl_mode", "ssl-mode"}:
            mode = value.lower().replace("-", "_")
            if mode not in MYSQL_TLS_MODES:
                raise SyncError(f"{url}: ssl_mode is one of {', '.join(MYSQL_TLS_MODES)}")
            arguments.update(MYSQL_TLS_MODES[mode])
        elif name != "charset":
            raise SyncError(f"{url}: unknown option {name!r} in the URL")
    return arguments


def postgresql_arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Arguments for `psycopg2.connect`; the query string may hold everything that libpq knows (`sslmode`,
    `sslrootcert`, `options`, …), which libpq itself checks."""
    _expect(url, "postgresql")
    defaults = {"connect_timeout": str(CONNECT_TIMEOUT_SECONDS), "application_name": APPLICATION}
    return {"dsn": url.text, **{name: value for name, value in defaults.items() if name not in url.options}}


def mongodb_arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Arguments for `pymongo.MongoClient`; the query string may hold everything that the driver knows."""
    _expect(url, "mongodb")
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
    from pymongo.errors import PyMongoError  # noqa: PLC0415  (see connections.py)
    from pymongo.uri_parser import split_options, validate_options  # noqa: PLC0415

    query = urlsplit(url.text).query
    if not query:
        return
    try:
        validate_options(split_options(query, validate=False))
    except (PyMongoError, ValueError, TypeError) as error:
        said = str(error).partition(" or maybe a camelCase")[0]
        raise SyncError(f"{url}: {said}; correct the options in the URL") from error


def _expect(url: DatabaseUrl, system: str) -> None:
    if url.system != system:
        raise SyncError(f"{url} is no {system} URL")


def _number(url: DatabaseUrl, name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]+", value):
        raise SyncError(f"{url}: {name} is a number of seconds, not {value!r}")
    return int(value)
