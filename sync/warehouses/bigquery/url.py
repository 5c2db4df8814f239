"""What a URL of BigQuery's says: `bigquery://project/prefix?location=EU`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync.connections.urls import parse
from sync.errors import SyncError

OPTIONS = frozenset({"location", "readers", "project"})
PREFIX = re.compile(r"[A-Za-z0-9_]+")
READERS = re.compile(r"(user|group|serviceAccount|domain):[^\s\"'`]+")


@dataclass(frozen=True)
class Settings:
    """`endpoint` is the address of an emulator, None for Google's own. `readers` may read the views, such as
    `group:bi@example.org`."""

    project: str
    prefix: str
    location: str | None = None
    readers: str | None = None
    endpoint: str | None = None

    def dataset(self, schema: str) -> str:
        return f"{self.prefix}_{schema}"


def settings(url: str) -> Settings:
    """What a URL says. With a port the host is an emulator's, and the project is an option.

    Raises `SyncError` for what is missing, and for an option that nobody knows.
    """
    parts = parse(url)
    if unknown := sorted(parts.options.keys() - OPTIONS):
        raise SyncError(
            f"the bigquery URL has an unknown option {unknown[0]!r}; there are {', '.join(sorted(OPTIONS))}"
        )
    project = parts.options.get("project", "") if parts.port else parts.host
    if not project or not PREFIX.fullmatch(parts.database):
        raise SyncError(
            "the bigquery URL has the form bigquery://project/prefix; the prefix, of letters, digits and"
            " underscores, begins the names of the datasets"
        )
    readers = parts.options.get("readers")
    if readers and not READERS.fullmatch(readers):
        raise SyncError("readers in the bigquery URL is a principal, such as group:bi@example.org")
    endpoint = f"http://{parts.host}:{parts.port}" if parts.port else None
    return Settings(project, parts.database, parts.options.get("location"), readers, endpoint)
