"""What landing needs of MongoDB: collections with their validator and indexes, and the memory of what was
landed. Its own collections begin with `_landed_` or `_landing_`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pymongo.database import Database
from pymongo.errors import CollectionInvalid

from landing.json_values import Document
from landing.landing_file import Memory
from landing.result import LandingResult, Merged

DEFINITION = Path(__file__).parents[1] / "sql" / "mongodb" / "catalog.json"
FILES, LINES, DOCUMENTS = "_landed_files", "_landed_lines", "_landed_documents"


@cache
def definition() -> Document:
    """The validator and the indexes of a catalog collection."""
    content: Document = json.loads(DEFINITION.read_text())
    return content


def ensure_collection(database: Database[Document], name: str) -> None:
    """Create a catalog collection, or give it the validator and the indexes that it lacks."""
    validator = definition()["validator"]
    existing = next(iter(database.list_collections(filter={"name": name})), None)
    if existing is None:
        forget(database, name)
        create_collection(database, name, validator=validator)
    elif existing["options"].get("validator") != validator:
        database.command("collMod", name, validator=validator, validationAction="error")
    indexes = database[name].index_information()
    for index in definition()["indexes"]:
        if index["name"] not in indexes:
            options = {option: value for option, value in index.items() if option != "key"}
            database[name].create_index(list(index["key"].items()), **options)


def ensure_memory(database: Database[Document]) -> None:
    """Create landing's own collections: a transaction should find them there."""
    for name in {FILES, LINES, DOCUMENTS}.difference(database.list_collection_names()):
        create_collection(database, name)


def forget(database: Database[Document], collection: str) -> None:
    """Forget the files of a collection that was dropped: its documents were not deleted one by one, so they
    may land again."""
    database[FILES].delete_many({"collection": collection})
    for memory in (LINES, DOCUMENTS):
        database[memory].delete_many({"_id.collection": collection})


def create_collection(database: Database[Document], name: str, **options: Any) -> None:
    try:
        database.create_collection(name, **options)
    except CollectionInvalid:
        # Another landing was faster.
        return


def remembered(database: Database[Document], file: str) -> Memory | None:
    """What the last landing of the file has left."""
    found = database[FILES].find_one({"_id": file})
    if found is None:
        return None
    return Memory(found["content"], found["reader"], LandingResult.from_json(found["outcome"]))


def remember(database: Database[Document], collection: str, memory: Memory, merged: Merged) -> None:
    """Note the file as landed, after all of its documents."""
    outcome = memory.outcome.merged(merged)
    database[FILES].replace_one(
        {"_id": outcome.file},
        {
            "collection": collection,
            "content": memory.content,
            "reader": memory.reader,
            "outcome": outcome.to_json(),
        },
        upsert=True,
    )
