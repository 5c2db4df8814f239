"""What a test needs of a warehouse besides the contract."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from stack.cluster import Cluster
from sync.warehouses.contract import Warehouse
from sync.warehouses.mirror import Publication
from sync.warehouses.schema import Row, TableName
from sync.warehouses.views import View
from tests.fresh import fresh_database

LEASE_SECONDS = 2.0  # a holder that was killed must not keep a test waiting
SCHEMAS = "star, reports, bi, sync, quarantine"


@dataclass
class Kit(ABC):
    """One warehouse, reached by the platform through `open` and by a test through `execute` and `rows`.

    It is handed to other processes, so it holds no connection.
    """

    url: str = field(repr=False)

    @classmethod
    @contextmanager
    def server(cls, stack: Cluster, urls: Mapping[str, str]) -> Iterator[str]:
        """The URL of an empty warehouse: a new PostgreSQL database where a kit says nothing else."""
        with fresh_database(stack, urls["SOFTCART_PRODUCTION_URL"]) as url:
            yield url

    # The modules and tests of the suite that are run each time; None: all of them.
    quick: ClassVar[Collection[str] | None] = None
    # SQL values, by column of `star.dim_customer`, that the warehouse cannot hold and staging can.
    unfit: ClassVar[Mapping[str, str]] = {}

    @property
    def unverified(self) -> Mapping[str, str]:
        """By the name of a test, why the server at hand cannot show what it asks for."""
        return {}

    @abstractmethod
    def open(self) -> Warehouse:
        """The warehouse; its lease is that of a holder who died after some seconds at most."""

    @abstractmethod
    def clear(self) -> None:
        """Make it as empty as a new one."""

    @abstractmethod
    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement and commit, past the platform; returns its rows."""

    @abstractmethod
    def cut(self) -> None:
        """Cut every connection to it."""

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def table(self, name: TableName) -> str:
        return f"{self.quote(name.schema)}.{self.quote(name.table)}"

    def spoken(self, statement: str) -> str:
        """A statement of a test, in whose quotes names are in lower case, as the system has them."""
        return statement

    def view(self, view: View) -> View:
        return replace(view, query=self.spoken(view.query))

    def published(self, publication: Publication | None) -> Publication | None:
        """What is to be published, its queries as the system has them."""
        if publication is None:
            return None
        return replace(publication, views=tuple(map(self.view, publication.views)))

    def refuses(self, type_: str) -> bool:
        """Whether the system has no type for this one."""
        return False

    def normalized(self, rows: Collection[Row]) -> set[Row]:
        """Rows in the form in which the system gives them back, where documents say that it is another."""
        return set(rows)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.execute(query)


def compact(text: str | None) -> str | None:
    """A document without its blanks and in one order of its parts; other texts as they are."""
    if text and text.startswith(("{", "[")):
        return json.dumps(json.loads(text), sort_keys=True)
    return text
