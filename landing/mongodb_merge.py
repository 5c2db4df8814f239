"""Merge staged documents into a collection, inside one transaction with what is remembered of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from bson import Decimal128, Int64, encode
from pymongo import ReplaceOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from landing.json_values import Document
from landing.mongodb import DOCUMENTS, LINES
from landing.verdict import Verdict, decide

KEYS = ("product_id", "_id")


class Staged(NamedTuple):
    """A document of the file; `content` is the hash of what it says, `occurrence` which of its like it is."""

    document: Document
    content: bytes
    occurrence: int


class Judged(NamedTuple):
    """What becomes of a document; `kept` is what the shop has in its place."""

    document: Document
    verdict: Verdict
    kept: Document | None = None


def key_of(document: Document) -> str | None:
    """The field that a document is known by: its product id, else its `_id`, else none."""
    return next((key for key in KEYS if key in document), None)


def content_of(document: Document) -> bytes:
    """What a document says, whatever the order of its fields; an `_id` that the shop gave it says nothing.

    Hashes of this are remembered for ever: a change here would land every document without a key again.
    """
    return encode({"": _ordered({name: value for name, value in document.items() if name != "_id"})})


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    # 5 and NumberLong(5) are one number, 5.0 is another.
    return int(value) if isinstance(value, Int64) else value


def identity(value: Any) -> Hashable:
    """What two keys have in common that are one key to MongoDB: numbers are compared across their types."""
    if isinstance(value, (int, float, Decimal128)) and not isinstance(value, bool):
        number = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
        return "NaN" if number.is_nan() else number
    return encode({"": value})


class PartMerge:
    """Merges parts of one collection's file; each call of `run` belongs to the transaction of `session`."""

    def __init__(self, session: ClientSession, collection: Collection[Document]) -> None:
        self._session = session
        self._collection = collection
        self._lines = collection.database[LINES]
        self._documents = collection.database[DOCUMENTS]

    def run(self, rows: Sequence[Staged]) -> list[Judged]:
        judged = self._without_key([row for row in rows if key_of(row.document) is None])
        for key in KEYS:
            judged += self._keyed(key, [row.document for row in rows if key_of(row.document) == key])
        if new := [dict(each.document) for each in judged if each.verdict is Verdict.INSERTED]:
            self._collection.insert_many(new, session=self._session)
        changed = [
            _replacement(each.kept["_id"], each.document)
            for each in judged
            if each.verdict is Verdict.UPDATED and each.kept
        ]
        if changed:
            self._collection.bulk_write(changed, session=self._session)
        return judged

    def _without_key(self, rows: Sequence[Staged]) -> list[Judged]:
        names = [
            {"collection": self._collection.name, "content": row.content, "occurrence": row.occurrence}
            for row in rows
        ]
        found = self._lines.find({"_id": {"$in": names}}, session=self._session)
        known = {(line["_id"]["content"], line["_id"]["occurrence"]) for line in found}
        is_known = [(row.content, row.occurrence) in known for row in rows]
        new = [{"_id": name} for name, old in zip(names, is_known, strict=True) if not old]
        if new:
            self._lines.insert_many(new, session=self._session)
        return [
            Judged(row.document, Verdict.KNOWN if old else Verdict.INSERTED)
            for row, old in zip(rows, is_known, strict=True)
        ]

    def _keyed(self, key: str, documents: Sequence[Document]) -> list[Judged]:
        keys = [document[key] for document in documents]
        names = [{"collection": self._collection.name, "key": key, "value": value} for value in keys]
        remembered = self._documents.find({"_id": {"$in": names}}, session=self._session)
        landed = {identity(row["_id"]["value"]): row["document"] for row in remembered}
        present = self._collection.find({key: {"$in": keys}}, session=self._session)
        kept = {identity(row[key]): row for row in present}
        ids = [document["_id"] for document in documents if "_id" in document]
        owners = self._collection.find({"_id": {"$in": ids}}, {key: 1}, session=self._session)
        taken = {identity(row["_id"]): identity(row.get(key)) for row in owners}
        judged = [_judge(key, document, landed, kept, taken) for document in documents]
        notes = [
            ReplaceOne({"_id": name}, {"document": each.document}, upsert=True)
            for name, each in zip(names, judged, strict=True)
            if each.verdict is not Verdict.KNOWN
        ]
        if notes:
            self._documents.bulk_write(notes, session=self._session)
        return judged


def _replacement(kept_id: Any, document: Document) -> UpdateOne:
    """A document in another's place, by a literal: a replacement with a name like `$tag` would be refused."""
    return UpdateOne({"_id": kept_id}, [{"$replaceWith": {"$literal": {**document, "_id": kept_id}}}])


def _judge(
    key: str,
    document: Document,
    landed: dict[Hashable, Document],
    kept: dict[Hashable, Document],
    taken: dict[Hashable, Hashable],
) -> Judged:
    value, content = identity(document[key]), content_of(document)
    before = content_of(landed[value]) if value in landed else None
    now = content_of(kept[value]) if value in kept else None
    verdict = decide(
        landed=before is not None,
        kept=now is not None,
        file_as_landed=content == before,
        file_as_kept=content == now,
        as_landed=now == before,
    )
    if verdict is Verdict.INSERTED and taken.get(identity(document.get("_id")), value) != value:
        # The shop has given this _id to another product.
        verdict = Verdict.CONFLICT
    return Judged(document, verdict, kept.get(value))
