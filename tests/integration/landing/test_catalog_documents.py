"""Catalog files as tools write them, in real MongoDB: each document lands or is quarantined by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64
from psycopg2.extensions import connection as PostgresConnection
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from landing.catalog import land_catalog
from landing.json_values import CODEC
from landing.result import LandingResult
from sync.errors import TransientError
from tests.integration.landing.reading import quarantine

Documents = Database[dict[str, Any]]
Land = Callable[[str], LandingResult]

TYPES = {
    "oid": {"$oid": "5f2b5b5b5b5b5b5b5b5b5b5b"},
    "int": {"$numberInt": "5"},
    "long": {"$numberLong": "6"},
    "double": {"$numberDouble": "7.5"},
    "infinity": {"$numberDouble": "-Infinity"},
    "nan": {"$numberDouble": "NaN"},
    "decimal": {"$numberDecimal": "8.90"},
    "date": {"$date": "2020-01-02T03:04:05Z"},
    "canonical date": {"$date": {"$numberLong": "1577934245000"}},
    "late date": {"$date": {"$numberLong": "253402300800000"}},
    "binary": {"$binary": {"base64": "AAEC", "subType": "00"}},
    "uuid": {"$uuid": "00112233-4455-6677-8899-aabbccddeeff"},
    "old uuid": {"$binary": {"base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "03"}},
    "code": {"$code": "f()"},
    "timestamp": {"$timestamp": {"t": 5, "i": 1}},
    "min": {"$minKey": 1},
    "max": {"$maxKey": 1},
    "text": "t",
}
NO_IDS = {
    "regex": {"$regularExpression": {"pattern": "a", "options": "i"}},
    "reference": {"$ref": "c", "$id": 5},
    "list": [1],
    "object": {"a": 1},
    "null": None,
}


@pytest.fixture
def land(catalog: Documents, warehouse: PostgresConnection, tmp_path: Path) -> Land:
    def land_text(text: str) -> LandingResult:
        (tmp_path / "catalog.json").write_text(text)
        return land_catalog("electronics", tmp_path, catalog, warehouse)

    return land_text


def named(model: str, **values: Any) -> dict[str, Any]:
    return {"type": "phone", "model": model, **values}


def lines(*documents: dict[str, Any]) -> str:
    return "\n".join(json.dumps(document) for document in documents)


def models(catalog: Documents) -> list[str]:
    return sorted(row["model"] for row in catalog.electronics.find({}, {"model": 1, "_id": 0}))


def test_an_array_on_one_line_lands_document_by_document(
    catalog: Documents, land: Land, warehouse: PostgresConnection
) -> None:
    documents = [named(f"m{number}", product_id=number) for number in range(5)]
    text = json.dumps([*documents, {"type": "phone"}, named("again", product_id=3)])
    result = land(text.replace('"model": "m2"', '"model": '))
    assert (result.rows_in_file, result.inserted, result.quarantined) == (7, 4, 3)
    assert models(catalog) == ["m0", "m1", "m3", "m4"]
    assert sorted(reason for _, _, reason, _ in quarantine(warehouse)) == [
        "has the same product_id as line 1",
        "is not JSON: Expecting value at character 28",
        "lacks model",
    ]


@pytest.mark.parametrize("kind", TYPES)
def test_a_value_of_each_type_lands_and_is_updated_as_a_field_and_as_the_id(
    catalog: Documents, land: Land, kind: str
) -> None:
    for name in ("field", "_id"):
        catalog.drop_collection("electronics")
        document = named("m", **{name: TYPES[kind]})
        if name == "field":
            document["product_id"] = 1
        assert land(lines(document)).inserted == 1
        assert land(lines({**document, "model": "n"})).updated == 1
        assert land(lines(named("other"), {**document, "model": "n"})).unchanged == 1
        assert models(catalog) == ["n", "other"]


@pytest.mark.parametrize("kind", NO_IDS)
def test_what_can_be_no_id_is_quarantined_and_its_neighbour_lands(
    catalog: Documents, land: Land, warehouse: PostgresConnection, kind: str
) -> None:
    result = land(lines(named("m", _id=NO_IDS[kind]), named("n")))
    assert (result.inserted, result.quarantined) == (1, 1)
    assert models(catalog) == ["n"]
    [(_, key, reason, _)] = quarantine(warehouse)
    assert (key, reason) == ("catalog.json:1", "_id: it is no single value")


def test_values_keep_the_type_that_extended_json_gives_them(catalog: Documents, land: Land) -> None:
    land(lines(named("m", **TYPES)))
    [document] = catalog.electronics.with_options(CODEC).find()
    assert isinstance(document["long"], Int64)
    assert document["decimal"] == Decimal128("8.90")
    assert isinstance(document["old uuid"], Binary)
    assert (document["old uuid"].subtype, document["uuid"].subtype) == (3, 4)


def test_numbers_of_different_types_are_one_key(
    catalog: Documents, land: Land, warehouse: PostgresConnection
) -> None:
    land(lines(named("m", _id=1)))
    same = [{"$numberDecimal": "1.0"}, {"$numberLong": "1"}]
    result = land(lines(*[named(f"m{number}", _id=value) for number, value in enumerate(same)]))
    assert (result.updated, result.quarantined) == (1, 1)
    assert models(catalog) == ["m0"]
    assert [reason for _, _, reason, _ in quarantine(warehouse)] == ["has the same _id as line 1"]


def test_names_with_dollars_and_points_land_and_are_updated(catalog: Documents, land: Land) -> None:
    odd = {"$tag": "x", "a.b": {"$c.d": [{"$e": "$f"}]}}
    documents = [{**odd, **named("m1", product_id=1)}, named("m2", product_id=2)]
    assert land(lines(*documents)).inserted == 2
    changed = [{**document, "$tag": "y", "note": "$model"} for document in documents]
    assert land(lines(*changed)).updated == 2
    assert sorted(catalog.electronics.find({}, {"_id": 0}), key=lambda row: row["model"]) == changed


@pytest.mark.parametrize("depth", [90, 179, 180, 250, 2000])
def test_a_document_of_any_depth_lands_or_is_quarantined_by_itself(
    catalog: Documents, land: Land, warehouse: PostgresConnection, depth: int
) -> None:
    nested = '{"type": "phone", "model": "deep", "product_id": 1, "x": ' + "[" * depth + "]" * depth + "}"
    result = land(f"{nested}\n{lines(named('m', product_id=2))}")
    assert models(catalog) == (["deep", "m"] if depth < 180 else ["m"])
    assert result.quarantined == len(quarantine(warehouse)) == (depth >= 180)
    assert land(f"{nested.replace('deep', 'deeper')}\n{lines(named('n', product_id=2))}").updated >= 1
    assert "n" in models(catalog)


def test_a_very_large_document_lands_and_one_that_is_too_large_is_quarantined_alone(
    catalog: Documents, land: Land, warehouse: PostgresConnection
) -> None:
    large, too_large = ("x" * (16 * 1024 * 1024 - size) for size in (5000, 1000))
    texts = [json.dumps(named("large", product_id=1, note=large), indent=1), lines(named("m", product_id=2))]
    texts.append(lines(named("too large", product_id=3, note=too_large)))
    assert (land(f"[{', '.join(texts)}]").inserted, models(catalog)) == (2, ["large", "m"])
    [(_, _, reason, _)] = quarantine(warehouse)
    assert reason.startswith("is too large: 16,7")
    assert land(f"[{', '.join(texts).replace('large', 'LARGE', 1)}]").updated == 1


def test_a_server_that_is_short_of_memory_is_no_fault_of_a_document(
    catalog: Documents, land: Land, warehouse: PostgresConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BulkWriteError({"writeErrors": [{"index": 0, "code": 388, "errmsg": "will not fit"}]})

    text = lines(named("m", product_id=2))
    with monkeypatch.context() as patch:
        patch.setattr(Collection, "insert_many", refuse)
        with pytest.raises(TransientError, match="will not fit"):
            land(text)
    assert (quarantine(warehouse), models(catalog)) == ([], [])
    assert (land(text).inserted, models(catalog)) == (1, ["m"])
