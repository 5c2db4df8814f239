"""What only Redshift has: COPY and its faults, the lock, values that are too long."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from sync.errors import SyncError, TransientError
from sync.warehouses.changes import LoadMode
from sync.warehouses.redshift.types import TYPES
from sync.warehouses.schema import TableName
from sync.warehouses.stage import upload
from tests.conformance.redshift import PROXIES, FaultyProxy
from tests.conformance.shop import DELTA, FACT, TABLES, Shop, counts, of

pytestmark = pytest.mark.parametrize("kit", ["redshift"], indirect=True)
NOTES = TableName("star", "notes")
QUARANTINED = 'SELECT "key", "reason", OCTET_LENGTH("raw") FROM "quarantine"."rejected_rows"'


@pytest.fixture
def proxy(shop: Shop) -> FaultyProxy:
    """The stand-in's proxy; what a cluster of one's own cannot be told to do is not tested there."""
    found = PROXIES.get(urlsplit(shop.kit.url).port or 0)
    if found is None:
        pytest.skip("faults are injected by the stand-in's proxy")
    found.statements.clear()
    return found


def assert_ends_equal(shop: Shop) -> None:
    shop.mirror()
    assert shop.is_equal()
    assert shop.wrong() == []
    assert all(table.mode is LoadMode.NOTHING for table in shop.mirror().tables)


def test_a_load_names_its_manifest_and_takes_all_or_nothing(shop: Shop, proxy: FaultyProxy) -> None:
    shop.mirror()
    copies = [statement for statement in proxy.statements if statement.startswith("COPY")]
    assert len(copies) == len(TABLES)
    for copy in copies:
        assert re.search(
            r"FROM 's3://[^']+/manifest\.json' IAM_ROLE default .* MANIFEST .* MAXERROR 0 ", copy
        )
        assert not re.search("ACCESS_KEY|CREDENTIALS|SECRET", copy)
    assert shop.is_equal()


def test_every_transaction_of_the_lease_begins_with_its_lock(shop: Shop, proxy: FaultyProxy) -> None:
    shop.mirror()
    shop.change(DELTA)
    shop.mirror()
    before = [
        proxy.statements[number - 1]
        for number, statement in enumerate(proxy.statements)
        if statement.startswith('UPDATE "sync"."leases" SET  "expires_at"')
    ]
    assert before
    assert set(before) == {'LOCK "sync"."leases"'}
    locks = [number for number, statement in enumerate(proxy.statements) if statement.startswith("LOCK")]
    assert any(proxy.statements[number - 1] == "BEGIN" for number in locks)


def test_a_copy_that_takes_half_of_its_files_is_worth_another_try(
    shop: Shop, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.mirror()
    before = shop.actual()
    monkeypatch.setattr(upload, "FILE_BYTES", 1)  # a file a portion of rows
    shop.change("UPDATE star.fact_sales SET amount = amount + 1, _batch = {batch}")
    proxy.halves_files = True
    with pytest.raises(TransientError, match=r"COPY took \d+ of the 100 rows"):
        shop.mirror()
    assert shop.actual() == before
    assert_ends_equal(shop)


def test_a_load_that_is_done_again_never_uses_a_path_again(shop: Shop, proxy: FaultyProxy) -> None:
    proxy.fails = ("COPY", "57P01", "terminating connection due to administrator command")
    with pytest.raises(TransientError):
        shop.mirror()
    assert_ends_equal(shop)
    manifests = re.findall(r"s3://[^']+/manifest\.json", " ".join(proxy.statements))
    assert len(manifests) == len(set(manifests)) == len(TABLES) + 1


@pytest.mark.parametrize("statement", ["LOCK", "UPDATE", "INSERT INTO", "COMMIT"])
def test_a_conflict_with_another_transaction_is_worth_another_try(
    shop: Shop, proxy: FaultyProxy, statement: str
) -> None:
    shop.mirror()
    before = shop.actual()
    shop.change(DELTA)
    proxy.fails = (statement, "XX000", "1023")
    with pytest.raises(TransientError, match="1023"):
        shop.mirror()
    assert shop.actual() == before
    assert_ends_equal(shop)


def test_a_connection_that_is_lost_after_the_commit_leads_to_nothing_twice(
    shop: Shop, proxy: FaultyProxy
) -> None:
    shop.mirror()
    shop.change(DELTA)
    proxy.statements.clear()
    proxy.loses_commit_after = 'INSERT INTO "sync"."tables"'
    with pytest.raises(TransientError):
        shop.mirror()
    assert shop.is_equal()
    assert all(table.mode is LoadMode.NOTHING for table in shop.mirror().tables)
    assert_ends_equal(shop)


def test_a_file_that_is_gone_is_named_as_the_cause(shop: Shop, proxy: FaultyProxy) -> None:
    proxy.fails = ("COPY", "XX000", "S3ServiceException: Access Denied, Status 403")
    with pytest.raises(SyncError, match="Access Denied") as refusal:
        shop.mirror()
    assert not isinstance(refusal.value, TransientError)


def make_notes(bare: Shop, type_: str, *values: str) -> None:
    bare.change(
        f"CREATE TABLE star.notes (id bigint PRIMARY KEY, note {type_}, _batch bigint, _deleted boolean)"
    )
    for number, value in enumerate(values):
        bare.change(f"INSERT INTO star.notes VALUES ({number}, {value}, {{batch}}, false)")


@pytest.mark.parametrize(
    ("type_", "value", "reason"),
    [
        ("text", "repeat('é', 40000)", "column note: the text has more than 65,535 bytes"),
        ("text", "'@softcart:null@'", "column note: @softcart:null@ means NULL in the files that are loaded"),
        ("jsonb", "jsonb_build_object('a', repeat('é', 40000))",
         "column note: a text in the document has more than 65,535 bytes"),
        ("jsonb", "(SELECT jsonb_agg(repeat('x', 40000)) FROM generate_series(1, 100))",
         "column note: the document has more than 3,145,728 bytes"),
    ],
)  # fmt: skip
def test_a_value_that_is_too_long_waits_in_quarantine(
    bare: Shop, type_: str, value: str, reason: str
) -> None:
    fits = "repeat('x', 65535)" if type_ == "text" else "to_jsonb(repeat('x', 65533))"
    make_notes(bare, type_, fits, value, "NULL")
    assert of(bare.mirror([NOTES]), NOTES).rejected == 1
    ((key, found, size),) = bare.kit.rows(QUARANTINED)
    assert (key, found) == ('["1"]', reason)
    assert size <= 65535
    (comparison,) = bare.verify([NOTES])
    assert str(comparison) == "star.notes: 2 rows are equal, 1 are in production's quarantine"


def test_rows_that_the_server_refuses_in_a_copy_are_found_among_the_others(
    bare: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the platform knows of is found before; this is for the rest."""
    make_notes(bare, "text", *(f"'{number}'" for number in range(20)))
    bare.mirror([NOTES])
    monkeypatch.setitem(TYPES.binds, "text", str)  # type: ignore[arg-type]
    bare.change("UPDATE star.notes SET note = note || '!', _batch = {batch}")
    bare.change("UPDATE star.notes SET note = repeat('x', 70000), _batch = {batch} WHERE id IN (3, 17)")
    result = bare.mirror([NOTES])
    assert (counts(result, NOTES), of(result, NOTES).rejected) == ((0, 18, 0), 2)
    rows = {key: reason for key, reason, _ in bare.kit.rows(QUARANTINED)}
    assert set(rows) == {'["3"]', '["17"]'}
    assert all("too long" in reason for reason in rows.values())
    actual = {row[0]: row[1] for row in bare.actual([NOTES])[NOTES]}
    assert (actual["3"], actual["4"]) == ("3", "4!")


def test_a_tampered_row_is_named(shop: Shop) -> None:
    shop.mirror()
    shop.kit.execute(f'UPDATE {shop.kit.table(FACT)} SET "amount" = 0.01 WHERE "sale_key" = \'s42\'')
    assert shop.wrong() == [
        "star.fact_sales: 1 of 100 rows in production are wrong: sale_key=s42 differs",
    ]
