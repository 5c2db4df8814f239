"""What a declaration hides in MongoDB's documents: behind arrays, under names that hold dots, and beside
documents that cannot be decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from bson import encode
from bson.dbref import DBRef
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline

Catalog = Database[dict[str, Any]]
ID = Column("_id", "text")
PLAIN = Table("members", "mongodb", "catalog", ("_id",), (ID,), document="doc", history=True)
MASKED = replace(
    PLAIN,
    columns=(
        ID,
        Column("ce", "text", source="c.email", mask=True),
        Column("op", "text", source="o.p", mask=True),
    ),
)
EXCLUDED = replace(PLAIN, exclude=frozenset({"c.email", "o.p"}))
DOCUMENTS: list[dict[str, Any]] = [
    {"_id": "1", "c": [{"email": "secret1", "x": 1}, {"email": "secret2"}, 5]},
    {"_id": "2", "c": [[{"email": "secret3"}, [{"email": ["secret4"]}]]]},
    {"_id": "3", "o.p": "secret5", "o": {"p": "secret6", "q": 1}},
    {"_id": "4", "o": [{"p": "secret7"}], "c": {"email": {"deep": "secret8"}}},
    {"_id": "5", "c": [DBRef("others", 1, email="secret9")]},
]


@pytest.fixture
def pipeline(catalog: Catalog, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source:
        yield Pipeline(source, staging)


def secrets(pipeline: Pipeline) -> list[Any]:
    """The rows of all tables that show a plain value, also as bytes in hexadecimal."""
    return pipeline.query(
        "SELECT row FROM (SELECT t::text AS row FROM raw.members t UNION ALL"
        " SELECT t::text FROM history.members t UNION ALL SELECT t::text FROM quarantine.rejected_rows t) r"
        f" WHERE row ~ 'secret|{b'secret'.hex()}'"
    )


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def documents(pipeline: Pipeline) -> dict[str, Any]:
    return dict(pipeline.query("SELECT _id, doc FROM raw.members WHERE NOT _deleted"))


def test_a_masked_path_is_hashed_in_every_array_and_under_a_dotted_name(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    catalog.members.insert_many(DOCUMENTS)
    assert pipeline.run(MASKED).rows == 5
    assert secrets(pipeline) == []
    found = documents(pipeline)
    assert found["1"]["c"] == [{"email": hashed("secret1"), "x": 1}, {"email": hashed("secret2")}, 5]
    assert found["2"]["c"] == [[{"email": hashed("secret3")}, [{"email": hashed('["secret4"]')}]]]
    assert (found["3"]["o.p"], found["3"]["o"]) == (hashed("secret5"), {"p": hashed("secret6"), "q": 1})
    assert found["5"]["c"] == [{"$ref": "others", "$id": 1, "email": hashed("secret9")}]
    columns = pipeline.query("SELECT ce, op FROM raw.members ORDER BY _id")
    assert columns[2:4] == [(None, hashed("secret5")), (hashed('{"deep":"secret8"}'), None)]


def test_two_columns_of_one_masked_field_show_one_hash(pipeline: Pipeline, catalog: Catalog) -> None:
    catalog.members.insert_one({"_id": "1", "a": "secret"})
    columns = (ID, Column("a", "text", mask=True), Column("again", "text", source="a", mask=True))
    pipeline.run(replace(PLAIN, columns=columns))
    assert pipeline.query("SELECT a, again, doc->>'a' FROM raw.members") == [(hashed("secret"),) * 3]


def test_an_excluded_path_leaves_arrays_and_the_dotted_name(pipeline: Pipeline, catalog: Catalog) -> None:
    catalog.members.insert_many(DOCUMENTS)
    pipeline.run(EXCLUDED)
    assert secrets(pipeline) == []
    assert documents(pipeline)["3"] == {"_id": "3", "o": {"q": 1}}


@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.LOG])
@pytest.mark.parametrize("hidden", [MASKED, EXCLUDED], ids=["masked", "excluded"])
def test_what_is_hidden_later_leaves_tombstones_and_older_versions(
    strategy: Strategy, hidden: Table, pipeline: Pipeline, catalog: Catalog
) -> None:
    catalog.members.insert_many([*DOCUMENTS, {"_id": "6", "c": [{"x": "kept"}], "o": {"p": None}}])
    pipeline.run(replace(PLAIN, strategy=strategy))
    catalog.members.delete_one({"_id": "3"})
    catalog.members.update_one({"_id": "1"}, {"$push": {"c": {"email": "secret10"}}})
    catalog.members.delete_one({"_id": "6"})
    pipeline.run(replace(PLAIN, strategy=strategy))
    assert secrets(pipeline)

    pipeline.run(replace(hidden, strategy=strategy))
    assert secrets(pipeline) == []
    kept = "SELECT doc->'c' FROM history.members WHERE _id = '6'"
    assert pipeline.query(kept) == [([{"x": "kept"}],)] * 2
    assert pipeline.run(replace(hidden, strategy=strategy)).changed == 0


def test_a_field_that_is_masked_later_has_the_same_hash_in_older_versions(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    catalog.members.insert_one({"_id": "1", "email": "secret"})
    pipeline.run(PLAIN)
    catalog.members.delete_one({"_id": "1"})
    pipeline.run(PLAIN)
    pipeline.run(replace(PLAIN, columns=(ID, Column("email", "text", mask=True))))
    assert pipeline.query("SELECT doc->>'email' FROM history.members") == [(hashed("secret"),)] * 2


BROKEN = b"\x05bad\0\x03\0\0\0\x02\x01\x02\x03"  # a binary of the old subtype 2 with a wrong length within


def insert_broken(catalog: Catalog, key: str, *fields: dict[str, Any]) -> str:
    """A document that pymongo cannot decode; its bytes in hexadecimal."""
    inner = b"".join(encode(field)[4:-1] for field in ({"_id": key}, *fields)) + BROKEN
    raw = (len(inner) + 5).to_bytes(4, "little") + inner + b"\0"
    catalog.members.insert_one(RawBSONDocument(raw))
    return raw.hex()


@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.LOG])
def test_a_document_that_cannot_be_decoded_is_quarantined_by_its_id(
    strategy: Strategy, pipeline: Pipeline, catalog: Catalog
) -> None:
    table = replace(PLAIN, strategy=strategy)
    catalog.members.insert_many([{"_id": "good"}, {"_id": "later"}])
    shown = {"bad": insert_broken(catalog, "bad")}
    result = pipeline.run(table)
    assert (result.rows, result.quarantined) == (2, 1)
    catalog.members.delete_one({"_id": "later"})
    shown["later"] = insert_broken(catalog, "later")
    result = pipeline.run(table)
    assert (result.rows, result.deleted, result.quarantined) == (2, 0, 2)
    rejected = pipeline.query("SELECT key, raw, reason FROM quarantine.rejected_rows")
    assert {key: raw for key, raw, _ in rejected} == shown
    assert all(reason.startswith("not valid BSON: ") for *_, reason in rejected)
    catalog.members.replace_one({"_id": "bad"}, {"n": 1})
    catalog.members.delete_one({"_id": "later"})
    result = pipeline.run(table)
    assert (result.rows, result.deleted, result.quarantined) == (2, 1, 0)


@pytest.mark.parametrize("hidden", [MASKED, EXCLUDED], ids=["masked", "excluded"])
def test_bytes_that_may_hold_what_is_hidden_are_not_shown(
    hidden: Table, pipeline: Pipeline, catalog: Catalog
) -> None:
    insert_broken(catalog, "bad", {"c": [{"email": "secret1"}]}, {"o.p": "secret2"})
    assert pipeline.run(hidden).quarantined == 1
    assert secrets(pipeline) == []
    assert pipeline.rejected()[0][1] == "bad"


def test_an_id_that_cannot_be_decoded_is_shown_in_hexadecimal(pipeline: Pipeline, catalog: Catalog) -> None:
    inner = BROKEN.replace(b"bad", b"_id")
    broken = RawBSONDocument((len(inner) + 5).to_bytes(4, "little") + inner + b"\0")
    catalog.command("insert", "members", documents=[broken, {"_id": "good"}])
    result = pipeline.run(replace(PLAIN, strategy=Strategy.LOG))
    assert (result.rows, result.quarantined) == (1, 1)
    assert pipeline.rejected()[0][1] == inner.hex()
