"""Catalog files in real MongoDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, ObjectId
from psycopg2.extensions import connection as PostgresConnection
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import WriteError

from landing.catalog import ensure_catalog, land_catalog
from landing.result import LandingError, LandingResult
from stack.cluster import Cluster
from sync.connections.mongodb import connect_mongodb
from sync.connections.postgresql import connect_postgresql
from tests.integration.landing.killing import Fuse, killed_again_and_again
from tests.integration.landing.reading import quarantine, rows

Documents = Database[dict[str, Any]]
Land = Callable[..., LandingResult]

PHONE = {"type": "phone", "model": "x1", "screen size": 6}


@pytest.fixture
def land(catalog: Documents, warehouse: PostgresConnection, tmp_path: Path) -> Land:
    def land_documents(*documents: dict[str, Any] | str, name: str = "catalog.json") -> LandingResult:
        lines = [line if isinstance(line, str) else json.dumps(line) for line in documents]
        (tmp_path / name).write_text("\n".join(lines))
        collection = "electronics" if name == "catalog.json" else name.removeprefix("catalog_")[:-5]
        return land_catalog(collection, tmp_path, catalog, warehouse)

    return land_documents


def product(number: int, price: float = 1) -> dict[str, Any]:
    return {"product_id": number, "type": "phone", "model": f"x{number}", "price": price}


def stored(catalog: Documents, collection: str = "electronics") -> list[dict[str, Any]]:
    return list(catalog[collection].find({}, {"_id": 0}))


def prices(catalog: Documents) -> dict[int, str]:
    return {row["product_id"]: str(row["price"]) for row in catalog.electronics.find()}


def test_without_files_the_collections_are_there_and_empty(
    catalog: Documents, warehouse: PostgresConnection, tmp_path: Path
) -> None:
    for collection in ("electronics", "books"):
        assert not land_catalog(collection, tmp_path, catalog, warehouse).present
        assert {"type", "product_id"} <= set(catalog[collection].index_information())
        assert stored(catalog, collection) == []


def test_the_collection_refuses_what_is_no_product(catalog: Documents) -> None:
    ensure_catalog(catalog, "electronics")
    ensure_catalog(catalog, "electronics")
    catalog.electronics.insert_one({"type": "phone", "model": "x", "price": 9.99, "screen size": 5.5})
    for nonsense in ({"price": "9.99"}, {"price": -1}, {"type": ""}, {"model": 7}, {"product_id": "1"}):
        with pytest.raises(WriteError, match="validation"):
            catalog.electronics.insert_one({"type": "phone", "model": "x", **nonsense})


def test_a_collection_that_was_there_gets_validator_and_indexes_and_keeps_its_documents(
    catalog: Documents,
) -> None:
    catalog.books.insert_one({"title": "no product"})
    ensure_catalog(catalog, "books")
    assert catalog.books.options()["validator"]["$jsonSchema"]["required"] == ["type", "model"]
    assert "type" in catalog.books.index_information()
    assert stored(catalog, "books") == [{"title": "no product"}]


def test_documents_land_once_with_their_values_as_the_file_has_them(catalog: Documents, land: Land) -> None:
    lines = ['{"type": "tv", "model": "a", "screen size": 6.0, "price": 12.50}', json.dumps(PHONE)]
    first, again = land(*lines), land(*lines)
    assert (first.inserted, again.inserted, again.unchanged) == (2, 0, 2)
    television, phone = stored(catalog)
    assert television == {"type": "tv", "model": "a", "screen size": 6.0, "price": Decimal128("12.50")}
    assert (type(television["screen size"]), type(phone["screen size"])) == (float, int)


def test_a_file_named_after_a_collection_goes_there(catalog: Documents, land: Land) -> None:
    land({"type": "novel", "model": "B"}, name="catalog_books.json")
    assert stored(catalog, "books") == [{"type": "novel", "model": "B"}]


def test_two_files_for_one_collection_are_refused(land: Land) -> None:
    land(PHONE)
    with pytest.raises(LandingError, match="both go to collection electronics"):
        land(PHONE, name="catalog_electronics.json")


def test_documents_without_a_key_are_remembered_by_content_and_occurrence(
    catalog: Documents, land: Land
) -> None:
    assert land(PHONE, PHONE).inserted == 2
    catalog.electronics.delete_one({})
    reordered = dict(reversed(PHONE.items()))
    result = land({"type": "tv", "model": "new"}, reordered, PHONE, PHONE)
    assert (result.inserted, result.unchanged) == (2, 2)
    assert sorted(row["model"] for row in stored(catalog)) == ["new", "x1", "x1"]


def test_six_and_six_point_zero_are_two_documents(catalog: Documents, land: Land) -> None:
    land(PHONE)
    assert land({**PHONE, "screen size": 6.0}).inserted == 1


def test_documents_with_a_product_id_are_merged_and_the_shop_wins(catalog: Documents, land: Land) -> None:
    land(*[product(number) for number in range(1, 8)])
    ids = {row["product_id"]: row["_id"] for row in catalog.electronics.find()}
    catalog.electronics.update_many({"product_id": {"$in": [2, 3]}}, {"$set": {"price": Decimal128("50")}})
    catalog.electronics.delete_many({"product_id": {"$in": [4, 5]}})
    catalog.electronics.insert_one({**product(8), "price": Decimal128("50")})
    catalog.electronics.insert_one({**product(9), "price": Decimal128("2")})
    result = land(
        product(1, 2), product(2), product(3, 2), product(4), product(5, 2), product(7),
        product(8, 2), product(9, 2), product(10, 2),
    )  # fmt: skip
    assert prices(catalog) == {
        1: "2", 2: "50", 3: "50", 6: "1", 7: "1", 8: "50", 9: "2", 10: "2"
    }  # fmt: skip
    assert (result.inserted, result.updated, result.unchanged) == (1, 1, 4)
    assert (result.conflicts, result.conflict_keys) == (3, ("3", "5", "8"))
    assert catalog.electronics.find_one({"product_id": 1}, {"_id": 1}) == {"_id": ids[1]}


def test_documents_with_an_id_alone_are_merged_by_it(catalog: Documents, land: Land) -> None:
    number = "5f2b5b5b5b5b5b5b5b5b5b5b"
    land({"_id": {"$oid": number}, **PHONE})
    assert land({"_id": {"$oid": number}, **PHONE, "ram": "4GB"}).updated == 1
    assert list(catalog.electronics.find()) == [{"_id": ObjectId(number), **PHONE, "ram": "4GB"}]


def test_an_id_that_the_shop_gave_to_another_product_is_a_conflict(catalog: Documents, land: Land) -> None:
    land(product(1))
    taken = catalog.electronics.find_one({"product_id": 1}) or {}
    result = land(product(1), {"_id": {"$oid": str(taken["_id"])}, **product(2)})
    assert (result.conflicts, result.conflict_keys) == (1, ("2",))
    assert prices(catalog) == {1: "1"}


def test_a_collection_that_was_dropped_is_landed_anew(catalog: Documents, land: Land) -> None:
    land(PHONE, product(1))
    catalog.electronics.drop()
    assert land(PHONE, product(1)).inserted == 2


def test_what_the_collection_refuses_is_quarantined_and_its_neighbours_land(
    catalog: Documents, land: Land, warehouse: PostgresConnection
) -> None:
    broken = '{"type": "tv"'
    result = land(PHONE, {**PHONE, "price": "9"}, {"type": "phone"}, broken, product(1), product(1, 2))
    assert (result.rows_in_file, result.inserted, result.quarantined) == (6, 2, 4)
    assert quarantine(warehouse) == [
        ("catalog.electronics", "catalog.json:2", "price is a number of at least 0, or absent; it is '9'",
         json.dumps({**PHONE, "price": "9"})),
        ("catalog.electronics", "catalog.json:3", "lacks model", '{"type": "phone"}'),
        ("catalog.electronics", "catalog.json:4", "is not JSON: Expecting ',' delimiter at character 14",
         broken),
        ("catalog.electronics", "catalog.json:6", "has the same product_id as line 5",
         json.dumps(product(1, 2))),
    ]  # fmt: skip


def test_too_large_a_share_of_rejected_documents_lands_none_and_shows_them(
    catalog: Documents, warehouse: PostgresConnection, tmp_path: Path
) -> None:
    (tmp_path / "catalog.json").write_text(json.dumps(PHONE) + '\n{"type": "phone"}\n')
    with pytest.raises(LandingError, match="1 of 2 lines"):
        land_catalog("electronics", tmp_path, catalog, warehouse, max_rejected_share=0.4)
    assert stored(catalog) == []
    assert [key for _, key, _, _ in quarantine(warehouse)] == ["catalog.json:2"]


def test_more_documents_than_fit_one_transaction_all_land(catalog: Documents, land: Land) -> None:
    assert land(*[product(number) for number in range(1200)]).inserted == 1200
    assert catalog.electronics.count_documents({}) == 1200


@pytest.fixture
def short_transactions(stack: Cluster) -> Iterator[None]:
    """A transaction whose client was killed keeps its locks until it expires, after a minute by default."""
    with MongoClient[dict[str, Any]](
        "127.0.0.1",
        stack.ports.known()["mongodb"],
        directConnection=True,
        username="root",
        password=stack.home.passwords["mongodb.root"],
    ) as client:
        client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=1)
        yield
        client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=60)


def land_electronics(fuse: Fuse, folder: Path, catalog_url: str, staging_url: str) -> None:
    with (
        connect_mongodb(catalog_url, event_listeners=[fuse.mongodb()]) as client,
        closing(connect_postgresql(staging_url)) as postgresql,
    ):
        land_catalog("electronics", folder, client.get_default_database(), postgresql)


def test_a_landing_killed_at_any_step_is_made_good_by_the_next(
    catalog: Documents,
    land: Land,
    warehouse: PostgresConnection,
    staging: str,
    tmp_path: Path,
    urls: dict[str, str],
    short_transactions: None,
) -> None:
    land(product(1), product(2), PHONE)
    documents = [product(1, 2), product(2), product(3), PHONE, PHONE, {"type": "phone"}]
    (tmp_path / "catalog.json").write_text("\n".join(json.dumps(document) for document in documents))

    places = (tmp_path, urls["SOFTCART_MONGO_ADMIN_URL"], staging)
    assert killed_again_and_again(land_electronics, *places, stride=2) > 10
    assert sorted((row["model"], str(row.get("price"))) for row in stored(catalog)) == [
        ("x1", "2"), ("x1", "None"), ("x1", "None"), ("x2", "1"), ("x3", "1")
    ]  # fmt: skip
    assert rows(warehouse, "SELECT key FROM quarantine.rejected_rows") == [("catalog.json:6",)]
    assert not [name for name in catalog.list_collection_names() if name.startswith("_landing_")]
