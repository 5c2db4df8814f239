"""MongoDB: the product catalog."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import dagster as dg
from pydantic import Field

from sync.sources.mongodb.source import MongoDBSource


class MongoDBResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One MongoDB replica set, reached as a user that can read the catalog and follow its changes."""

    url: str = Field(description="mongodb://user:password@host:port/catalog, from the environment")

    @contextmanager
    def source(self) -> Iterator[MongoDBSource]:
        """The replica set as documents are read from it; connects when it is used."""
        with closing(MongoDBSource(self.url)) as source:
            yield source
