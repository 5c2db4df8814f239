"""Where catalog files go: a collection of the shop's MongoDB.

A document with a product id, or else with an `_id`, is merged three ways by it. One without is known by its
content and by which of its like it is. Each part of the file is one transaction together with what is
remembered of its documents, so that a landing of any size can be broken off and taken up again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from operator import itemgetter
from typing import Any, TypeVar

from bson.errors import BSONError
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from landing.json_values import CODEC, Document
from landing.landing_file import Memory
from landing.lines import Line, Reject
from landing.mongodb import create_collection, remember, remembered
from landing.mongodb_merge import KEYS, Judged, PartMerge, Staged, content_of, key_of
from landing.mongodb_refusal import reason_of
from landing.result import CONFLICT_KEYS_LISTED, Merged
from landing.verdict import Verdict
from sync.connections.mongodb import TRANSIENT

Row = TypeVar("Row")

DOCUMENTS_AT_ONCE = 500
CHARACTERS_AT_ONCE = 16 * 1024 * 1024
# Of a document's text, which a staged row holds beside the document for the quarantine.
LONGEST_TEXT = 1_000_000
SHOWN_TEXT = 1000
# What a server says of a document that it cannot hold, and not of the collection or the user.
_UNFIT = {2, 15, 22, 10334, 17280, 17419, 17420}


class CatalogStore:
    """One catalog file and its collection."""

    def __init__(self, database: Database[Document], collection: str, file: str) -> None:
        self.file = file
        self.database = database.with_options(codec_options=CODEC)
        self.collection = self.database[collection]
        self.staged = self.database[f"_landing_{collection}"]

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
        numbers = count(1)
        for part in _parts(rows, lambda line: len(line.raw)):
            self._insert([_staged(next(numbers), line, seen) for line in part], part, reject)
        for key in KEYS:
            self._reject_repeated(key, reject)

    def _insert(self, rows: list[dict[str, Any]], lines: list[Line[Document]], reject: Reject) -> None:
        try:
            self.staged.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            if any(refusal["code"] in TRANSIENT for refusal in error.details["writeErrors"]):
                raise  # the server's trouble, of which the documents know nothing
            for refusal in error.details["writeErrors"]:
                line = lines[refusal["index"]]
                reject(line.number, line.raw, reason_of(refusal))
        except (BSONError, OperationFailure) as error:
            if isinstance(error, OperationFailure) and error.code not in _UNFIT:
                raise
            if len(rows) == 1:
                reject(lines[0].number, lines[0].raw, f"MongoDB cannot hold it: {error}")
                return
            # One of them is at fault for all.
            self.staged.delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
            for row, line in zip(rows, lines, strict=True):
                self._insert([row], [line], reject)

    def _reject_repeated(self, key: str, reject: Reject) -> None:
        groups = self.staged.aggregate(
            [
                {"$match": {f"document.{key}": {"$exists": True}}},
                {"$sort": {"_id": 1}},
                {"$group": {"_id": f"$document.{key}", "rows": {"$push": {"_id": "$_id", "line": "$line"}}}},
                {"$match": {"rows.1": {"$exists": True}}},
            ],
            allowDiskUse=True,
        )
        for group in list(groups):
            first, *others = group["rows"]
            repeated = {"_id": {"$in": [row["_id"] for row in others]}}
            for row in self.staged.find(repeated, {"raw": 1, "line": 1}):
                reject(row["line"], row["raw"], f"has the same {key} as line {first['line']}")
            self.staged.delete_many(repeated)

    def merge(self, memory: Memory) -> Merged:
        verdicts: Counter[Verdict] = Counter()
        conflicts: list[str] = []
        found = (
            (row["size"], Staged(row["document"], row["content"], row["occurrence"]))
            for row in self.staged.find().sort("_id")
        )
        with self.database.client.start_session() as session:
            for part in _parts(found, itemgetter(0)):
                judged = session.with_transaction(partial(self._merge_part, [staged for _, staged in part]))
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


def _parts(rows: Iterable[Row], size: Callable[[Row], int]) -> Iterator[list[Row]]:
    """The rows in parts that neither a transaction nor memory is too small for."""
    part: list[Row] = []
    characters = 0
    for row in rows:
        part.append(row)
        characters += size(row)
        if len(part) == DOCUMENTS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
    if part:
        yield part


def _staged(number: int, line: Line[Document], seen: Counter[bytes]) -> dict[str, Any]:
    """A document with what it is known by. Its `number` is its own, since a line may hold several."""
    content = hashlib.sha256(content_of(line.content)).digest()
    seen[content] += 1
    is_long = len(line.raw) > LONGEST_TEXT
    return {
        "_id": number,
        "line": line.number,
        "size": len(line.raw),
        "raw": f"{line.raw[:SHOWN_TEXT]}…" if is_long else line.raw,
        "document": line.content,
        "content": content,
        "occurrence": seen[content],
    }


def _key_text(judged: Judged) -> str:
    return str(judged.document[key_of(judged.document) or "_id"])
