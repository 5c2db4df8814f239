"""PostgreSQL databases in other encodings than UTF-8, some of whose bytes are no text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import pytest

from stack.cluster import Cluster
from stack.postgres import PostgreSQL
from sync.sources.postgresql.source import PostgreSQLSource
from sync.spec import Column, Table
from tests.integration.postgresql_support import Databases

ORDERS = Table("orders", "postgresql", "public", key=("id",))
MASKED = replace(
    ORDERS, name="masked", source_table="orders",
    columns=(Column("id", "integer"), Column("note", "text", mask=True)),
)  # fmt: skip


@contextmanager
def encoded(databases: Databases, stack: Cluster, encoding: str) -> Iterator[Databases]:
    """A source database in another encoding, with orders in it whose notes are given as bytes."""
    server, name = PostgreSQL(stack.home), f"test_{encoding.lower()}"
    with closing(server.connect(stack.ports.known()["postgres"])) as root, root.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(
            f"CREATE DATABASE {name} OWNER softcart TEMPLATE template0 ENCODING '{encoding}'"
            " LOCALE_PROVIDER libc LOCALE 'C'"
        )
        try:
            url = urlunsplit(urlsplit(databases.source_url)._replace(path=f"/{name}"))
            with closing(PostgreSQLSource(url)) as source:
                yield Databases(source, databases.target_url, url)
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def fill(orders: Databases, *notes: bytes) -> None:
    values = ", ".join(
        f"({number}, {number}, convert_from('\\x{note.hex()}', getdatabaseencoding()))"
        for number, note in enumerate(notes, 1)
    )
    orders.execute(
        "CREATE TABLE orders (id integer PRIMARY KEY, n integer, note text)",
        f"INSERT INTO orders VALUES {values}",
    )


NOTES = "SELECT id, note FROM raw.orders ORDER BY id"


def test_text_in_another_encoding_arrives_as_unicode(databases: Databases, stack: Cluster) -> None:
    with encoded(databases, stack, "LATIN1") as orders:
        fill(orders, b"plain", b"Zo\xeb")
        orders.run(ORDERS)
    assert databases.query(NOTES) == [(1, "plain"), (2, "Zoë")]
    assert databases.rejected() == []


@pytest.mark.parametrize(
    ("encoding", "good", "bad", "reason"),
    [
        (
            "WIN1252",
            b"5 \x80 \\ caf\xe9\t\n",
            b"\x805 \\ \x81",
            r"'€5 \\ \\x81' cannot be stored as text: it is no text in WIN1252",
        ),
        (
            "SQL_ASCII",
            "5 € \\ café\t\n".encode(),
            b"Zo\xeb",
            r"'Zo\\xeb' cannot be stored as text: it is no text in SQL_ASCII",
        ),
    ],
)
def test_a_byte_that_is_no_text_sends_its_row_to_quarantine_and_the_others_load(
    encoding: str, good: bytes, bad: bytes, reason: str, databases: Databases, stack: Cluster
) -> None:
    with encoded(databases, stack, encoding) as orders:
        fill(orders, b"plain", bad, good)
        result = orders.run(ORDERS)
        assert (result.read, result.rows, result.quarantined) == (3, 2, 1)
        assert orders.query(NOTES) == [(1, "plain"), (3, "5 € \\ café\t\n")]
        assert orders.rejected() == [("raw.orders", "2", f"column note: {reason}")]
        assert orders.run(ORDERS).batch is None

        orders.execute("UPDATE orders SET note = 'mended' WHERE id = 2")
        assert orders.run(ORDERS).quarantined == 0


@pytest.mark.parametrize("encoding", ["WIN1252", "SQL_ASCII"])
def test_a_byte_that_is_no_text_can_be_masked(encoding: str, databases: Databases, stack: Cluster) -> None:
    with encoded(databases, stack, encoding) as orders:
        fill(orders, b"plain", b"x\x81")
        assert orders.run(MASKED).quarantined == 0
    hashes = "SELECT note = encode(sha256({}), 'hex') FROM raw.masked WHERE id = {}"
    assert databases.query(hashes.format("'plain'", 1)) == [(True,)]
    assert databases.query(hashes.format(r"'\x7881'", 2)) == [(True,)]


@pytest.mark.parametrize("key", ["id", "note"])
def test_a_row_has_one_place_in_quarantine_for_all_that_is_wrong_with_it(
    key: str, databases: Databases, stack: Cluster
) -> None:
    columns = (Column("id", "integer"), Column("n", "numeric(2,1)"), Column("note", "varchar(3)"))
    with encoded(databases, stack, "WIN1252") as orders:
        fill(orders, b"abc", b"\x81", b"long\x81")
        assert orders.run(replace(ORDERS, key=(key,), columns=columns)).quarantined == 2
        found = [key for _, key, _ in orders.rejected()]
    keys = ["2", "3"] if key == "id" else [r"\x81", r"long\x81"]
    assert sorted(found) == sorted(keys)
