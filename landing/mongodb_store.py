"""Where catalog files go: a collection of the shop's MongoDB.

A document with a product id, or else with an `_id`, is merged three ways by it. One without is known by its
content and by which of its like it is. Each part of the file is one transaction together with what is
remembered of its documents, so that a landing of any size can be broken off and taken up again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from bson.errors import BSONError
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from landing.json_reader import Document
from landing.landing_file import Memory
from landing.lines import Line, Reject
from landing.mongodb import create_collection, remember, remembered
from landing.mongodb_merge import KEYS, Judged, PartMerge, Staged, content_of, key_of
from landing.mongodb_refusal import reason_of
from landing.result import CONFLICT_KEYS_LISTED, Merged
from landing.verdict import Verdict

DOCUMENTS_AT_ONCE = 500


class CatalogStore:
    """One catalog file and its collection."""

    def __init__(self, database: Database[Document], collection: str, file: str) -> None:
        self.file = file
        self.database = database
        self.collection = database[collection]
        self.staged = database[f"_landing_{collection}"]

    def remembered(self) -> Memory | None:
        return remembered(self.database, self.file)

    def stage(self, rows: Iterator[Line[Document]], reject: Reject) -> None:
        """Into a collection of its own under the target's schema, so that the server says what it refuses."""
        schema = self.collection.options().get("validator", {}).get("$jsonSchema", {})
        self.staged.drop()
        create_collection(
            self.database, self.staged.name, validator={"$jsonSchema": {"properties": {"document": schema}}}
        )
        seen: Counter[bytes] = Counter()
        while part := list(islice(rows, DOCUMENTS_AT_ONCE)):
            self._insert([row for line in part if (row := _staged(line, seen, reject))], reject)
        for key in KEYS:
            self._reject_repeated(key, reject)

    def _insert(self, rows: list[dict[str, Any]], reject: Reject) -> None:
        if not rows:
            return
        try:
            self.staged.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            for refusal in error.details["writeErrors"]:
                row = rows[refusal["index"]]
                reject(row["_id"], row["raw"], reason_of(refusal))

    def _reject_repeated(self, key: str, reject: Reject) -> None:
        repeated = self.staged.aggregate(
            [
                {"$match": {f"document.{key}": {"$exists": True}}},
                {"$sort": {"_id": 1}},
                {"$group": {"_id": f"$document.{key}", "lines": {"$push": "$_id"}}},
                {"$match": {"lines.1": {"$exists": True}}},
            ],
            allowDiskUse=True,
        )
        for group in list(repeated):
            first, *others = group["lines"]
            for row in self.staged.find({"_id": {"$in": others}}, {"raw": 1}):
                reject(row["_id"], row["raw"], f"has the same {key} as line {first}")
            self.staged.delete_many({"_id": {"$in": others}})

    def merge(self, memory: Memory) -> Merged:
        verdicts: Counter[Verdict] = Counter()
        conflicts: list[str] = []
        found = (
            Staged(row["document"], row["content"], row["occurrence"])
            for row in self.staged.find().sort("_id")
        )
        with self.database.client.start_session() as session:
            while part := list(islice(found, DOCUMENTS_AT_ONCE)):
                judged = session.with_transaction(partial(self._merge_part, part))
                verdicts.update(each.verdict for each in judged)
                conflicts += [_key_text(each) for each in judged if each.verdict is Verdict.CONFLICT]
        merged = Merged(
            inserted=verdicts[Verdict.INSERTED],
            updated=verdicts[Verdict.UPDATED],
            unchanged=verdicts[Verdict.KNOWN] + verdicts[Verdict.ADOPTED],
            conflicts=verdicts[Verdict.CONFLICT],
            conflict_keys=tuple(conflicts[:CONFLICT_KEYS_LISTED]),
        )
        self.staged.drop()
        remember(self.database, self.collection.name, memory, merged)
        return merged

    def _merge_part(self, part: list[Staged], session: ClientSession) -> list[Judged]:
        return PartMerge(session, self.collection).run(part)


def _staged(line: Line[Document], seen: Counter[bytes], reject: Reject) -> dict[str, Any] | None:
    """A document with what it is known by; None, and rejected, if BSON cannot hold it."""
    try:
        content = hashlib.sha256(content_of(line.content)).digest()
    except (BSONError, OverflowError, UnicodeError, RecursionError) as error:
        reject(line.number, line.raw, f"BSON cannot hold it: {error}")
        return None
    seen[content] += 1
    return {
        "_id": line.number,
        "raw": line.raw,
        "document": line.content,
        "content": content,
        "occurrence": seen[content],
    }


def _key_text(judged: Judged) -> str:
    return str(judged.document[key_of(judged.document) or "_id"])
