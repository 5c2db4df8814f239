"""The data that is moved: order lines in MySQL, products in MongoDB. The same size gives the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

from benchmarks.servers import Servers

TABLE = "order_lines"
KEY = "rowid"
CURSOR = "updated_at"
COLLECTION = "products"
BATCH_DOCUMENTS = 10_000

# Columns with their types in MySQL and in PostgreSQL, and how MySQL computes them from the row's number: some
# values repeat, some are unique, some NULL; some texts need escaping.
COLUMNS = (
    (KEY, "BIGINT NOT NULL PRIMARY KEY", "bigint", "seq"),
    (
        "order_number",
        "VARCHAR(20) NOT NULL",
        "varchar(20)",
        "CONCAT('SO-', 2024 + seq DIV 600000, '-', LPAD(seq DIV 3, 8, '0'))",
    ),
    ("product_id", "BIGINT NOT NULL", "bigint", "1 + CRC32(CONCAT('p', seq)) % 5000"),
    ("customer_id", "BIGINT NOT NULL", "bigint", "1 + CRC32(CONCAT('c', seq DIV 3)) % 80000"),
    ("quantity", "INT NOT NULL", "integer", "1 + CRC32(CONCAT('q', seq)) % 9"),
    ("price", "DECIMAL(12,2) NOT NULL", "numeric(12,2)", "(1 + CRC32(CONCAT('m', seq)) % 90000) / 100"),
    (
        "discount",
        "DECIMAL(5,4)",
        "numeric(5,4)",
        "IF(seq % 4 = 0, CRC32(CONCAT('d', seq)) % 3000 / 10000, NULL)",
    ),
    ("weight", "DOUBLE NOT NULL", "double precision", "CRC32(CONCAT('w', seq)) / 16777216"),
    (
        "status",
        "VARCHAR(12) NOT NULL",
        "varchar(12)",
        "ELT(1 + seq % 5, 'ordered', 'packed', 'shipped', 'delivered', 'returned')",
    ),
    (
        "channel",
        "VARCHAR(10) NOT NULL",
        "varchar(10)",
        "ELT(1 + CRC32(CONCAT('h', seq DIV 3)) % 3, 'web', 'app', 'store')",
    ),
    (
        "city",
        "VARCHAR(40) NOT NULL",
        "varchar(40)",
        "ELT(1 + CRC32(CONCAT('t', seq DIV 3)) % 6, 'Zürich', 'Toronto', 'São Paulo', 'Berlin', 'Kraków',"
        " 'Austin')",
    ),
    (
        "note",
        "VARCHAR(200)",
        "varchar(200)",
        r"CASE seq % 10 WHEN 0 THEN 'Leave it at the door.\nRing twice.'"
        r" WHEN 1 THEN CONCAT('Gift for ', MD5(seq)) WHEN 2 THEN 'aisle\\7\tshelf 3' WHEN 3 THEN '' END",
    ),
    ("due", "DATE NOT NULL", "date", "DATE '2024-01-01' + INTERVAL seq DIV 1500 DAY"),
    (
        "sold_at",
        "DATETIME NOT NULL",
        "timestamp",
        "TIMESTAMP '2024-01-01 00:00:00' + INTERVAL seq * 57 SECOND",
    ),
    (
        CURSOR,
        "TIMESTAMP(6) NOT NULL",
        "timestamptz",
        "TIMESTAMP '2024-01-01 00:00:00' + INTERVAL seq * 57000000 + seq % 999983 MICROSECOND",
    ),
)
NAMES = tuple(name for name, *_ in COLUMNS)
POSTGRESQL_DEFINITIONS = ", ".join(f"{name} {kind}" for name, _, kind, _ in COLUMNS)
# Before a round changes rows, no row is as new as this.
FIRST_CHANGE = datetime(2026, 1, 1, tzinfo=UTC)


def fill_order_lines(servers: Servers, rows: int, table: str = TABLE) -> None:
    """Make the table of `rows` rows, unless it is there as it was filled; 7 s a million."""
    with servers.shop() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        definitions = ", ".join(f"{name} {kind}" for name, kind, *_ in COLUMNS)
        cursor.execute(f"CREATE TABLE {table} ({definitions}, KEY ({CURSOR}))")
        values = ", ".join(value for *_, value in COLUMNS)
        cursor.execute(f"INSERT INTO {table} SELECT {values} FROM seq_1_to_{rows}")
        cursor.execute(f"ANALYZE TABLE {table}")


def change_order_lines(servers: Servers, number: int, share: int = 10) -> datetime:
    """Update every tenth row, others in every round `number`, with times of change spread over an hour, which
    begins two hours after that of the round before. Returns the first of these times."""
    since = FIRST_CHANGE + timedelta(hours=2 * number)
    with servers.shop() as cursor:
        cursor.execute(
            f"UPDATE {TABLE} SET price = price + 1, quantity = quantity %% 9 + 1, status = 'returned',"
            f" {CURSOR} = %s + INTERVAL {KEY} * 7919 %% 3600000000 MICROSECOND WHERE {KEY} %% %s = %s",
            (since.replace(tzinfo=None), share, number % share),
        )
    return since


@dataclass(frozen=True)
class Changes:
    """What a round of transactions did: rows updated or inserted have a time of change from `since` on, the
    keys from `first_gone` to `last_gone` were deleted. `events` counts rows, an update being one."""

    since: datetime
    first_gone: int
    last_gone: int
    events: int


def transact_order_lines(servers: Servers, rows: int, number: int) -> Changes:
    """Transactions of 500 rows each, 300 updated, 150 inserted and 50 deleted, for 30% of the table's `rows`.

    Round `number` (from 0, up to 9) updates other rows than the round before and deletes others than any.
    """
    since = FIRST_CHANGE + timedelta(hours=number)
    stamp = f"'{since:%Y-%m-%d %H:%M:%S}' + INTERVAL {{key}} % 3600 SECOND"
    transactions = rows * 3 // 10 // 500
    update_from = 1 + number % 3 * transactions * 300
    insert_from = rows + 1 + number * transactions * 150
    delete_from = rows * 7 // 10 + number * transactions * 50
    values = ", ".join([value for *_, value in COLUMNS[:-1]] + [stamp.format(key="seq")])
    with servers.shop() as cursor:
        for transaction in range(transactions):
            updated = update_from + transaction * 300
            inserted = insert_from + transaction * 150
            deleted = delete_from + transaction * 50
            cursor.execute("START TRANSACTION")
            cursor.execute(
                f"UPDATE {TABLE} SET price = price + 1, status = 'returned', {CURSOR} ="
                f" {stamp.format(key=KEY)} WHERE {KEY} BETWEEN {updated} AND {updated + 299}"
            )
            cursor.execute(f"INSERT INTO {TABLE} SELECT {values} FROM seq_{inserted}_to_{inserted + 149}")
            cursor.execute(f"DELETE FROM {TABLE} WHERE {KEY} BETWEEN {deleted} AND {deleted + 49}")
            cursor.execute("COMMIT")
    return Changes(since, delete_from, delete_from + transactions * 50 - 1, transactions * 500)


def fill_products(servers: Servers, documents: int) -> None:
    """Make the collection, each document about 410 bytes of BSON."""
    with servers.catalog() as database:
        database.drop_collection(COLLECTION)
        for first in range(1, documents + 1, BATCH_DOCUMENTS):
            last = min(first + BATCH_DOCUMENTS - 1, documents)
            database[COLLECTION].insert_many(_products(first, last))


def change_products(servers: Servers, documents: int, number: int) -> int:
    """Change the collection in portions of 300 updates, 150 inserts and 50 deletes, half as many in all as it
    was made with `documents`. Returns how many.

    Round `number` (from 0) updates other documents than the round before and deletes others than any.
    """
    portions = documents // 2 // 500
    update_from = 1 + number % 2 * portions * 300
    insert_from = documents + 1 + number * portions * 150
    delete_from = 1 + 2 * portions * 300 + number * portions * 50
    with servers.catalog() as database:
        products = database[COLLECTION]
        for portion in range(portions):
            updated = update_from + portion * 300
            inserted = insert_from + portion * 150
            deleted = delete_from + portion * 50
            widen = {"$inc": {"dimensions.width": 1}}
            products.update_many({"_id": {"$gte": updated, "$lt": updated + 300}}, widen)
            products.insert_many(_products(inserted, inserted + 149))
            products.delete_many({"_id": {"$gte": deleted, "$lt": deleted + 50}})
    return portions * 500


def _products(first: int, last: int) -> Iterator[dict[str, Any]]:
    began = datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(first, last + 1):
        digest = md5(str(number).encode(), usedforsecurity=False).hexdigest()
        yield {
            "_id": number,
            "product_id": number,
            "type": ("laptop", "television", "smart phone", "camera")[number % 4],
            "model": f"Model {digest[:12]}",
            "price": number % 90_000 / 100,
            "in_stock": number % 3 > 0,
            "updated_at": began + timedelta(seconds=number),
            "tags": ["new", digest[12:18]] if number % 5 else [],
            "dimensions": {"width": number % 211, "height": number % 97, "depth": number % 31, "unit": "mm"},
            "description": f"A product that is listed here to be measured and for nothing else. {digest}",
            "supplier": {"name": f"Supplier {number % 400}", "country": "Switzerland"},
        }
