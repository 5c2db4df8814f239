"""Products for which several documents of the catalog speak, at once or one after the other."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.integration.star.staging import BEGINNING, STAR, Staging, day, product_versions

CHECKS = ("product_versions_are_sound", "products_are_current", "customers_are_current")


def test_a_document_that_gets_another_product_id_leaves_its_former_product(warehouse: Staging) -> None:
    warehouse.put("toys", day(0), _id="t1", product_id=1, model="Kite")
    warehouse.build("dim_product", "product_versions_are_sound")
    warehouse.put("toys", day(10), _id="t1", product_id=2, model="Kite")
    warehouse.build("dim_product", "product_versions_are_sound")
    assert product_versions(warehouse) == [
        (1, "toys/t1", "Toys", BEGINNING, day(10)),
        (2, "toys/t1", "Toys", BEGINNING, None),
    ]


def test_a_product_that_moves_to_another_collection_stays_one_product(warehouse: Staging) -> None:
    warehouse.put("toys", day(0), _id="t1", product_id=1, model="Kite")
    warehouse.put("sports", day(10), _id="s1", product_id=1, model="Kite")
    warehouse.remove("toys", "t1", day(11))
    warehouse.build("dim_product", "product_versions_are_sound", "product_ids_are_unique")
    assert product_versions(warehouse) == [
        (1, "toys/t1", "Toys", BEGINNING, day(10)),
        (1, "sports/s1", "Sports", day(10), None),
    ]


def test_a_document_that_outlives_the_last_to_speak_speaks_again(warehouse: Staging) -> None:
    warehouse.put("toys", day(0), _id="t1", product_id=1, category="Kites")
    warehouse.put("toys", day(10), _id="t2", product_id=1, category="Games")
    warehouse.build("dim_product")
    warehouse.remove("toys", "t2", day(20))
    warehouse.build("dim_product", "dim_customer", *CHECKS)
    assert product_versions(warehouse) == [
        (1, "toys/t1", "Kites", BEGINNING, day(10)),
        (1, "toys/t2", "Games", day(10), day(20)),
        (1, "toys/t1", "Kites", day(20), None),
    ]


def test_a_document_that_is_deleted_while_another_speaks_changes_nothing(warehouse: Staging) -> None:
    warehouse.put("toys", day(0), _id="t1", product_id=1)
    warehouse.put("books", day(10), _id="b1", product_id=1)
    warehouse.build("dim_product")
    warehouse.remove("toys", "t1", day(20))
    warehouse.build("dim_product", "dim_customer", *CHECKS)
    assert product_versions(warehouse) == [
        (1, "toys/t1", "Toys", BEGINNING, day(10)),
        (1, "books/b1", "Books", day(10), None),
    ]


def test_two_items_with_one_product_id_are_a_warning_that_names_them(warehouse: Staging) -> None:
    warehouse.put("toys", day(0), _id="t1", product_id=1, model="Kite")
    warehouse.put("books", day(1), _id="b1", product_id=1, model="Kites")
    results = warehouse.dbt(*STAR, "product_ids_are_unique")
    assert results["product_ids_are_unique"].status == "warn"
    assert warehouse.rows(results["product_ids_are_unique"].sql) == [
        {"product_id": 1, "claimed_by": "books/b1, toys/t1"}
    ]
    assert results["fact_sales"].status == "success"


def test_members_without_their_current_version_are_named(warehouse: Staging) -> None:
    for number in (1, 2, 3):
        warehouse.put("customers", customer_id=number, country="Peru")
        warehouse.put("toys", _id=f"t{number}", product_id=number)
    models = ("dim_product", "dim_customer")
    warehouse.build(*models, *CHECKS)
    warehouse.execute("UPDATE star.dim_customer SET is_current = false WHERE customer_id = 2")
    warehouse.execute("UPDATE star.dim_product SET _deleted = true WHERE product_id = 3")
    # Behind the change log's back; the dimensions do not see it.
    warehouse.execute("UPDATE raw.customers SET _deleted = true WHERE customer_id = 3")
    # What changed after the build is the next one's.
    warehouse.remove("toys", "t1", day(1))
    warehouse.put("toys", day(1), _id="t9", product_id=9)
    warehouse.put("customers", customer_id=9)
    results = warehouse.dbt(*CHECKS)
    assert [results[name].status for name in CHECKS] == ["pass", "fail", "fail"]
    assert warehouse.rows(results["products_are_current"].sql) == [
        {"member": "3", "live_rows": 1, "current_versions": 0}
    ]
    assert warehouse.rows(results["customers_are_current"].sql) == [
        {"member": 2, "live_rows": 1, "current_versions": 0},
        {"member": 3, "live_rows": 0, "current_versions": 1},
    ]


@dataclass(frozen=True)
class Said:
    """What a document says from a moment on: nothing (`product` is None) once it is deleted."""

    at: int
    document: str
    product: int | None
    category: str = ""


def random_history(chance: random.Random, product: int) -> Iterator[Said]:
    """Four documents that are created, changed, given another product_id, deleted and brought back, for two
    neighbouring products; several at one moment, but each document once."""
    documents = [f"{collection}/{product:03}{letter}" for collection in ("toys", "books") for letter in "ab"]
    standing: dict[str, Said] = {}
    for at in range(8):
        for document in chance.sample(documents, chance.choice([0, 1, 1, 2])):
            before = standing.get(document)
            if before and chance.random() < 0.4:
                del standing[document]
                yield Said(at, document, None)
            else:
                keeps = before is not None and chance.random() < 0.5
                claimed = before.product if keeps else product + chance.randint(0, 1)
                standing[document] = Said(at, document, claimed, chance.choice(["Kites", "Games"]))
                yield standing[document]


def expected_versions(history: Sequence[Said]) -> list[tuple[Any, ...]]:
    """The versions of every product, moment by moment: of the documents that stand and claim it, the one that
    spoke last."""
    versions: list[list[Any]] = []
    for product in sorted({said.product for said in history if said.product is not None}):
        current: list[Any] | None = None
        is_first = True
        for at in sorted({said.at for said in history}):
            standing = {said.document: said for said in history if said.at <= at}
            claims = [said for said in standing.values() if said.product == product]
            speaks = max(claims, key=lambda said: (said.at, said.document), default=None)
            shown = (speaks.document, speaks.category) if speaks else None
            if current and tuple(current[1:3]) != shown:
                current[4] = day(at)
                current = None
            if shown and not current:
                current = [product, *shown, BEGINNING if is_first else day(at), None]
                versions.append(current)
                is_first = False
    return [tuple(version) for version in versions]


def apply(warehouse: Staging, history: Sequence[Said]) -> None:
    with warehouse.batch() as batch:
        for said in history:
            collection, _, identifier = said.document.partition("/")
            if said.product is None:
                batch.remove(collection, identifier, day(said.at))
            else:
                row = {"_id": identifier, "product_id": said.product, "category": said.category}
                batch.put(collection, day(said.at), **row)


def test_products_follow_random_histories_of_their_documents(warehouse: Staging) -> None:
    chance = random.Random(20)
    history = sorted(
        (said for product in range(10, 610, 10) for said in random_history(chance, product)),
        key=lambda said: said.at,
    )
    for start, end in ((0, 3), (3, 5), (5, 8)):
        apply(warehouse, [said for said in history if start <= said.at < end])
        warehouse.build("dim_product", "dim_customer", *CHECKS)
        assert product_versions(warehouse) == expected_versions([s for s in history if s.at < end])
    incremental = warehouse.rows("SELECT * FROM star.dim_product ORDER BY product_key")
    warehouse.execute("UPDATE sync.models SET fingerprint = '' WHERE model = 'dim_product'")
    assert warehouse.build("dim_product") == {"dim_product": {"inserted": 0, "updated": 0, "deleted": 0}}
    assert warehouse.rows("SELECT * FROM star.dim_product ORDER BY product_key") == incremental
