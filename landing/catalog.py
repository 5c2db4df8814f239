"""Land catalog files in the collections of the shop's MongoDB.

What speaks to MongoDB is imported when a catalog is landed: its driver takes a tenth of a second, which a
process that only looks at the definitions need not pay.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from landing.land import land
from landing.landing_file import find
from landing.result import LandingError, LandingResult
from sync.connections.mongodb import mongodb_errors
from sync.connections.psycopg import Connection as PostgresConnection

if TYPE_CHECKING:
    from pymongo.database import Database

    from landing.json_values import Document

FIRST_FILE = "catalog.json"
FIRST_COLLECTION = "electronics"


@dataclass(frozen=True)
class CatalogFile:
    """A catalog file, and the collection that it goes to under this validator."""

    name: str
    collection: str
    validator: Document

    @property
    def target(self) -> str:
        return f"catalog.{self.collection}"


def ensure_catalog(database: Database[Document], collection: str) -> None:
    """Create a catalog collection, its validator, its indexes and landing's memory where they are missing.
    `database` is opened by a user who may do so."""
    from landing.mongodb import ensure_collection, ensure_memory  # noqa: PLC0415

    with mongodb_errors(f"catalog.{collection}"):
        ensure_collection(database, collection)
        ensure_memory(database)


def catalog_file(folder: Path | None, collection: str) -> tuple[str, Path | None]:
    """The name of a collection's file, `catalog_<collection>.json` (of `electronics` also `catalog.json`),
    and its path if it is there. Raises `LandingError` if both are."""
    names = [f"catalog_{collection}.json", *([FIRST_FILE] if collection == FIRST_COLLECTION else [])]
    there = [(name, path) for name in names if (path := find(folder, name))]
    if len(there) > 1:
        raise LandingError(f"{names[0]} and {names[1]} both go to collection {collection}; keep one of them")
    return there[0] if there else (names[-1], None)


def undeclared(folder: Path | None, collections: Collection[str]) -> dict[str, str]:
    """The catalog files of other collections than these, which nothing lands, and the collection of each."""
    there = sorted(path.name for path in folder.glob("catalog_*.json")) if folder else []
    found = {name: name.removeprefix("catalog_").removesuffix(".json") for name in there}
    return {name: collection for name, collection in found.items() if collection not in collections}


def land_catalog(
    collection: str,
    folder: Path | None,
    database: Database[Document],
    staging: PostgresConnection,
    max_rejected_share: float | None = None,
) -> LandingResult:
    """Land a collection's file from `folder`, if it is there.

    `database` is opened by a user who may write to it, on a replica set, since it takes transactions;
    `staging` gets the documents that cannot be landed. Raises `LandingError` for a file that is something
    else, or of which more than `max_rejected_share` cannot be landed; then nothing was landed.
    """
    from landing.json_reader import JsonReader  # noqa: PLC0415
    from landing.mongodb import definition  # noqa: PLC0415
    from landing.mongodb_store import CatalogStore  # noqa: PLC0415

    ensure_catalog(database, collection)
    name, path = catalog_file(folder, collection)
    declared = CatalogFile(name, collection, definition()["validator"])
    reader = JsonReader(path) if path else None
    store = CatalogStore(database, collection, name)
    with mongodb_errors(f"{name} into {declared.target}"):
        return land(declared, reader, store, staging, max_rejected_share)
