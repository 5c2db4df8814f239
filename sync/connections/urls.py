"""Database URLs, whatever their system.

Plain URLs (`mysql://`, `mongodb://`, `postgresql://`) and SQLAlchemy's (`mysql+pymysql://`,
`postgresql+psycopg2://`) mean the same. A password never shows in a `repr`, a `str` or an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
    "redshift": "redshift",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "snowflake": "snowflake",
    "bigquery": "bigquery",
}


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


def expect(url: DatabaseUrl, system: str) -> None:
    """Raises `SyncError` for a URL of another system."""
    if url.system != system:
        raise SyncError(f"{url} is no {system} URL")
