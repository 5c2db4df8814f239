"""The full strategy from MongoDB to PostgreSQL, on real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, encode
from bson.codec_options import CodecOptions
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from sync.errors import SyncError
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Table
from tests.integration.sync_support import Pipeline

Catalog = Database[dict[str, Any]]
PRODUCTS = Table(
    "electronics", "mongodb", "catalog", ("_id",), document="document", history=True,
    columns=(
        Column("_id", "text"), Column("product_id", "bigint"), Column("model", "text"),
        Column("price", "numeric"), Column("screen", "double precision", source="screen size"),
        Column("maker", "text", source="made.by"), Column("seen", "timestamptz"),
    ),
)  # fmt: skip


@pytest.fixture
def pipeline(catalog: Catalog, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source:
        yield Pipeline(source, staging)


def test_declared_fields_become_columns_and_the_document_stays_whole(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    key = ObjectId("0123456789abcdef01234567")
    catalog.electronics.insert_one(
        {"_id": key, "product_id": 7, "model": "x\t1\\n", "price": 9.99, "screen size": 5,
         "made": {"by": "Ω", "in": [2020, None]}, "seen": datetime(2024, 5, 1, 1, 2, 3, 456000, tzinfo=UTC)}
    )  # fmt: skip
    result = pipeline.run(PRODUCTS)

    assert (result.read, result.inserted, result.source_exists) == (1, 1, True)
    columns = "_id, product_id, model, price, screen, maker, seen, document::text"
    ((*fields, document),) = pipeline.query(f"SELECT {columns} FROM raw.electronics")
    seen = datetime(2024, 5, 1, 1, 2, 3, 456000, tzinfo=UTC)
    assert fields == ["0123456789abcdef01234567", 7, "x\t1\\n", Decimal("9.99"), 5.0, "Ω", seen]
    assert json.loads(document) == {
        "_id": {"$oid": "0123456789abcdef01234567"}, "product_id": 7, "model": "x\t1\\n", "price": 9.99,
        "screen size": 5, "made": {"by": "Ω", "in": [2020, None]},
        "seen": {"$date": "2024-05-01T01:02:03.456Z"},
    }  # fmt: skip


def test_changes_follow_and_a_load_with_nothing_new_writes_nothing(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    catalog.electronics.insert_many([{"_id": n, "model": f"m{n}"} for n in range(4)])
    pipeline.run(PRODUCTS)
    assert pipeline.run(PRODUCTS).batch is None
    catalog.electronics.update_one({"_id": 1}, {"$set": {"colour": "red"}})
    catalog.electronics.delete_one({"_id": 2})
    result = pipeline.run(PRODUCTS)
    assert (result.inserted, result.updated, result.deleted, result.rows) == (0, 1, 1, 3)
    catalog.electronics.insert_one({"_id": 2, "model": "back"})
    assert pipeline.run(PRODUCTS).inserted == 1
    log = "SELECT model, _deleted FROM history.electronics WHERE _id = 'int:2' ORDER BY _changed_at"
    assert pipeline.query(log) == [("m2", False), ("m2", True), ("back", False)]


def test_ids_of_different_types_stay_different(pipeline: Pipeline, catalog: Catalog) -> None:
    ids = [1, "1", "int:1", 1.5, "double:1.5", Decimal128("2.50"), True, None, {"a": 1}, datetime(2024, 1, 1),
           b"\x01", Binary(b"\x01", 5), ObjectId("0123456789abcdef01234567"), "0123456789abcdef01234567",
           Int64(1 << 40), "", "Ω"]  # fmt: skip
    catalog.electronics.insert_many([{"_id": key} for key in ids])
    assert pipeline.run(PRODUCTS).rows == len(ids)
    keys = {key for (key,) in pipeline.query("SELECT _id FROM raw.electronics")}
    assert {"int:1", "1", "string:int:1", "double:1.5", "decimal:2.50", "bool:true", "json:null", "Ω"} <= keys
    assert {"0123456789abcdef01234567", "string:0123456789abcdef01234567", "int:1099511627776"} <= keys


def test_a_value_that_does_not_fit_its_declared_type_is_quarantined_and_never_bent(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    catalog.electronics.insert_many(
        [
            {"_id": "ok", "product_id": 5.0, "price": Decimal128("1.50"), "screen size": Decimal128("0.5")},
            {"_id": "fraction", "product_id": 5.5},
            {"_id": "text for a number", "product_id": "5"},
            {"_id": "number for a text", "model": 7},
            {"_id": "truth for a number", "price": True},
            {"_id": "not a number", "price": float("nan")},
            {"_id": "too long", "screen size": (1 << 53) + 1},
            {"_id": "nul", "deep": [{"note": "a\0b"}]},
            {"_id": "text for a date", "seen": "2024-01-01"},
        ]
    )
    result = pipeline.run(PRODUCTS)
    assert (result.rows, result.quarantined) == (1, 8)
    assert pipeline.query("SELECT product_id, price, screen FROM raw.electronics") == [
        (5, Decimal("1.50"), 0.5)
    ]
    reasons = {key: reason for _, key, reason in pipeline.rejected()}
    assert reasons["fraction"] == "column product_id: 5.5 (double) cannot be stored as bigint"
    assert reasons["number for a text"] == "column model: 7 (int) cannot be stored as text"
    assert reasons["nul"].endswith("cannot be stored as jsonb")
    assert len(reasons) == 8
    assert pipeline.run(PRODUCTS).changed == 0


# A value of each type that BSON has, and its form in the document.
FORMS: dict[str, tuple[Any, Any]] = {
    "null": (None, None),
    "truth": (True, True),
    "int": (5, 5),
    "long": (Int64(1 << 62), 1 << 62),
    "one": (1.0, 1.0),
    "nan": (float("nan"), {"$numberDouble": "NaN"}),
    "inf": (float("-inf"), {"$numberDouble": "-Infinity"}),
    "zero": ([-0.0], [{"$numberDouble": "-0.0"}]),
    "decimal": (Decimal128("1.50"), {"$numberDecimal": "1.50"}),
    "decimal nan": (Decimal128("NaN"), {"$numberDecimal": "NaN"}),
    "decimal inf": (Decimal128("-Infinity"), {"$numberDecimal": "-Infinity"}),
    "decimal exponent": (Decimal128("1E-6176"), {"$numberDecimal": "1E-6176"}),
    "words": ('é "\\u0000\t', 'é "\\u0000\t'),
    "date": (datetime(2024, 1, 2, 3, 4, 5, 6000, UTC), {"$date": "2024-01-02T03:04:05.006Z"}),
    "day": (datetime(2024, 1, 2, tzinfo=UTC), {"$date": "2024-01-02T00:00:00Z"}),
    "old": (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), {"$date": {"$numberLong": "-1000"}}),
    "early": (DatetimeMS(-(10**14)), {"$date": {"$numberLong": "-100000000000000"}}),
    "late": (DatetimeMS(10**15), {"$date": {"$numberLong": "1000000000000000"}}),
    "time": (Timestamp(5, 6), {"$timestamp": {"t": 5, "i": 6}}),
    "oid": (ObjectId("0123456789abcdef01234567"), {"$oid": "0123456789abcdef01234567"}),
    "bytes": (b"\0\xff", {"$binary": {"base64": "AP8=", "subType": "00"}}),
    **{
        f"binary {subtype}": (
            Binary(bytes(16), subtype),
            {"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAA==", "subType": f"{subtype:02x}"}},
        )
        for subtype in (1, 2, 3, 4, 5, 8, 128)
    },
    "regex": (Regex("^a", "i"), {"$regularExpression": {"pattern": "^a", "options": "i"}}),
    "code": (Code("f()"), {"$code": "f()"}),
    "scoped code": (Code("f()", {"x": -0.0}), {"$code": "f()", "$scope": {"x": {"$numberDouble": "-0.0"}}}),
    "reference": (
        DBRef("books", ObjectId("0123456789abcdef01234567"), "shop", rate=float("nan")),
        {"$ref": "books", "$id": {"$oid": "0123456789abcdef01234567"}, "$db": "shop",
         "rate": {"$numberDouble": "NaN"}},
    ),
    "least": (MinKey(), {"$minKey": 1}),
    "greatest": (MaxKey(), {"$maxKey": 1}),
    "a.b": ({"$c": {"": [[], {}]}}, {"$c": {"": [[], {}]}}),
}  # fmt: skip


def test_every_bson_type_has_a_form_in_the_document(pipeline: Pipeline, catalog: Catalog) -> None:
    catalog.electronics.insert_one({"_id": 1, **{name: value for name, (value, _) in FORMS.items()}})
    pipeline.run(PRODUCTS)
    ((document,),) = pipeline.query("SELECT document::text FROM raw.electronics")
    assert json.loads(document) == {"_id": 1, **{name: form for name, (_, form) in FORMS.items()}}
    assert '"one": 1.0' in document and '"int": 5' in document
    assert pipeline.run(PRODUCTS).changed == 0


def test_a_type_is_no_other_types_column(pipeline: Pipeline, catalog: Catalog) -> None:
    columns = (
        Column("_id", "text"), Column("note", "text"), Column("price", "numeric"), Column("n", "integer"),
        Column("at", "timestamptz"), Column("data", "bytea"), Column("guid", "uuid"),
    )  # fmt: skip
    table = Table("electronics", "mongodb", "catalog", ("_id",), columns=columns)
    guid = Binary(bytes(range(16)), 4)
    catalog.electronics.insert_many(
        [
            {"_id": "int here", "n": 7, "price": 1, "at": DatetimeMS(10**15), "data": b"\0", "guid": guid},
            {"_id": "double there", "n": 7.0, "price": 1.5, "at": DatetimeMS(-62_135_596_800_001)},
            {"_id": "decimal", "n": Decimal128("7"), "price": Decimal128("1.50")},
            {"_id": "code", "note": Code("f()")},
            {"_id": "nan", "price": Decimal128("NaN")},
            {"_id": "infinite", "price": float("inf")},
            {"_id": "old uuid", "guid": Binary(bytes(16), 3)},
            {"_id": "beyond all calendars", "at": DatetimeMS(10**17)},
            {"_id": "document", "n": {"$numberInt": "7"}},
        ]
    )  # fmt: skip
    assert pipeline.run(table).rows == 3
    assert pipeline.query(
        "SET TimeZone = 'UTC'; SELECT _id, n, price::text, at::text, data::text, guid::text"
        " FROM raw.electronics ORDER BY 1"
    ) == [
        ("decimal", 7, "1.50", None, None, None),
        ("double there", 7, "1.5", "0001-12-31 23:59:59.999+00 BC", None, None),
        ("int here", 7, "1", "33658-09-27 01:46:40+00", "\\x00", "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    ]
    assert [key for _, key, _ in pipeline.rejected()] == [
        "beyond all calendars", "code", "document", "infinite", "nan", "old uuid",
    ]  # fmt: skip
    reasons = {key: reason for _, key, reason in pipeline.rejected()}
    assert reasons["code"] == 'column note: {"$code":"f()"} (JavaScript) cannot be stored as text'


def test_text_that_is_not_utf8_spoils_just_its_own_document(pipeline: Pipeline, catalog: Catalog) -> None:
    raw = catalog.electronics.with_options(CodecOptions(document_class=RawBSONDocument))
    broken = encode({"_id": "bad", "model": "abc"}).replace(b"abc", b"a\xffc")
    raw.insert_many([{"_id": "good"}, RawBSONDocument(broken)], bypass_document_validation=True)
    result = pipeline.run(PRODUCTS)
    assert (result.rows, result.quarantined) == (1, 1)
    ((key, reason, shown),) = pipeline.query("SELECT key, reason, raw FROM quarantine.rejected_rows")
    assert (key, json.loads(shown)) == ("bad", {"_id": "bad", "model": r"a\xffc"})
    assert "not valid BSON" in reason


def test_excluded_and_masked_fields_are_nowhere_in_the_target(pipeline: Pipeline, catalog: Catalog) -> None:
    catalog.electronics.insert_one({"_id": 1, "owner": {"mail": "ann@shop.example", "tier": 1}, "cost": 5})
    private = Table(
        "electronics", "mongodb", "catalog", ("_id",), document="document", exclude=frozenset({"cost"}),
        columns=(Column("_id", "text"), Column("mail", "text", source="owner.mail", mask=True)),
    )  # fmt: skip
    pipeline.run(private)
    ((mail, document),) = pipeline.query("SELECT mail, document::text FROM raw.electronics")
    assert len(mail) == 64
    assert json.loads(document) == {"_id": 1, "owner": {"mail": mail, "tier": 1}}


def test_a_collection_that_never_was_is_an_empty_table_and_one_that_vanished_is_refused(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    result = pipeline.run(PRODUCTS)
    assert (result.source_exists, result.read, result.rows) == (False, 0, 0)
    catalog.electronics.insert_one({"_id": 1})
    assert pipeline.run(PRODUCTS).source_exists
    catalog.drop_collection("electronics")
    with pytest.raises(SyncError, match=r"catalog\.electronics is gone from mongodb, but 1 rows"):
        pipeline.run(PRODUCTS)
    assert pipeline.query("SELECT count(*) FROM raw.electronics WHERE NOT _deleted") == [(1,)]


def test_rows_that_are_inserted_while_a_snapshot_is_read_are_not_in_it(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    catalog.electronics.insert_many([{"_id": n, "note": "x" * 1000} for n in range(5000)])
    columns = pipeline.source.describe(PRODUCTS).columns
    with pipeline.source.snapshot() as snapshot:
        chunks = snapshot.read(PRODUCTS, columns)
        read = next(chunks).rows
        catalog.electronics.insert_one({"_id": "late"})
        catalog.electronics.delete_many({"_id": {"$gte": 4000}})
        read += sum(chunk.rows for chunk in chunks)
    assert read == 5000


def test_a_type_that_no_field_can_have_is_refused_by_name(pipeline: Pipeline, catalog: Catalog) -> None:
    catalog.electronics.insert_one({"_id": 1})
    columns = (Column("_id", "text"), Column("tags", "text[]"))
    with pytest.raises(SyncError, match=r"raw\.electronics, column tags: type 'text\[\]'"):
        pipeline.run(Table("electronics", "mongodb", "catalog", ("_id",), columns=columns))
    assert pipeline.query("SELECT to_regclass('raw.electronics')") == [(None,)]
