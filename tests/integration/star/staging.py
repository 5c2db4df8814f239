"""Staging as the synchronisation leaves it, filled row by row, and dbt on top of it.

A row is written as the engine does it: under a fresh batch, a deletion as a tombstone, and for a table with a
change log the applied version as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from forecast.tables import SALES_FORECAST
from lake.search.tables import RESULTS
from softcart_assets.dbt.compiled import UNCHANGED
from softcart_assets.dbt.loading import load_project
from softcart_assets.dbt.runner import NodeResult, build
from softcart_assets.dbt.state import prepare_models
from softcart_assets.file_tables import FILES
from softcart_assets.tables import CATALOG, SHOP
from sync import state
from weblog.traffic import ensure_tables

LANDED = {
    "dim_date": (
        "dateid bigint, date date, year int, quarter int, quartername text, month int, monthname text,"
        " day int, weekday int, weekdayname text"
    ),
    "dim_category": "categoryid bigint, category text",
    "dim_country": "countryid bigint, country text",
    "fact_sales": "orderid bigint, dateid bigint, countryid bigint, categoryid bigint, amount numeric(14,2)",
    "sales_history": (
        "sale_id bigint, day int, month int, quarter int, year int, category text, item text,"
        " price numeric(12,2), date date"
    ),
}
# No model can name a column of a table that leaves its columns to the source.
DECLARED = [table for table in (*SHOP, *CATALOG, *FILES) if table.columns]
SYNCED = {
    table.name: ", ".join(
        [f'"{column.name}" {column.type}' for column in table.columns]
        + ([f"{table.document} jsonb"] if table.document else [])
    )
    for table in DECLARED
}
COLUMNS = {**LANDED, **SYNCED}
WITH_HISTORY = {table.name for table in DECLARED if table.history}
KEYS = {name: columns.split()[0].strip('"') for name, columns in COLUMNS.items()}
WHOLE_KEYS = {table.name: ", ".join(table.key) for table in DECLARED}

# What Spark and the models compute, which nothing is put into here.
COMPUTED = (*RESULTS, SALES_FORECAST)

STAR = ("dim_date", "dim_category", "dim_country", "dim_product", "dim_customer", "fact_sales")
SOUND = (
    "no_sale_is_dropped",
    "members_are_live_fact_sales_",
    "customer_versions_are_sound",
    "product_versions_are_sound",
)
SCHEMAS = (
    *("raw", "history", "star", "aggregates", "reports", "sales", "orders", "weblog"),
    *("quarantine", "sync"),
)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)  # from when on the first version of a member is valid


def day(number: int) -> datetime:
    """Midnight UTC, so many days after 1 January 2020."""
    return datetime.fromtimestamp(EPOCH.timestamp() + number * 86400, tz=UTC)


class Staging:
    """One staging database, in autocommit mode."""

    def __init__(self, url: str, connection: Connection) -> None:
        self.url = url
        self.connection = connection
        self.timezone = "UTC"

    def clear(self) -> None:
        """Empty again: all tables of the synchronisation, none of dbt."""
        self.timezone = "UTC"
        for schema in SCHEMAS:
            self.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        state.prepare(self.connection)
        prepare_models(self.connection)
        ensure_tables(self.connection)
        bookkeeping = "_batch bigint NOT NULL, _changed_at timestamptz NOT NULL, _deleted boolean NOT NULL"
        for name, columns in COLUMNS.items():
            key = WHOLE_KEYS.get(name, KEYS[name])
            self.execute(f"CREATE TABLE raw.{name} ({columns}, {bookkeeping}, PRIMARY KEY ({key}))")
            self.execute(f"SELECT sync.index_batches('raw.{name}')")
            if name in WITH_HISTORY:
                log_key = f"PRIMARY KEY ({key}, _changed_at)"
                self.execute(f"CREATE TABLE history.{name} ({columns}, {bookkeeping}, {log_key})")
                self.execute(f"SELECT sync.index_batches('history.{name}')")

        for table in COMPUTED:
            typed = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
            listed = f"{typed}, {bookkeeping}, PRIMARY KEY ({', '.join(table.key)})"
            self.execute(f"CREATE TABLE raw.{table.name} ({listed})")

    def execute(self, statement: str | sql.Composable, values: Sequence[Any] = ()) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)

    def rows(self, query: str, values: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        with self.connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(query, values)
            return [dict(row) for row in cursor]

    def value(self, query: str, values: Sequence[Any] | None = None) -> Any:
        [row] = self.rows(query, values)
        [value] = row.values()
        return value

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Changes that are applied in one transaction."""
        with self.connection, self.connection.cursor() as cursor:
            yield Batch(cursor, state.next_batch(cursor))

    def put(self, table: str, at: datetime = EPOCH, **row: Any) -> None:
        """Insert or replace a row; columns that are not given are NULL."""
        with self.batch() as batch:
            batch.put(table, at, **row)

    def remove(self, table: str, key: Any, at: datetime) -> None:
        with self.batch() as batch:
            batch.remove(table, key, at)

    def log(self, table: str, at: datetime, **row: Any) -> None:
        """A version that arrives late: only the change log learns of it."""
        with self.batch() as batch:
            batch.append("history", table, {**row, "_changed_at": at, "_deleted": False})

    def dbt(self, *names: str) -> dict[str, NodeResult]:
        """Build the named models and tests, by default the star; returns how each ended."""
        results = build(self.url, names or (*STAR, *SOUND), self.timezone)
        return {result.unique_id.split(".")[2]: result for result in results}

    def build(self, *names: str) -> dict[str, dict[str, int]]:
        """As `dbt`, where nothing may go wrong; returns what each model wrote that had something to do."""
        results = self.dbt(*names)
        assert {result.status for result in results.values()} <= {"success", "pass"}, results
        counts = self.rows("SELECT model, inserted, updated, deleted FROM sync.models")
        written = {row.pop("model"): row for row in counts}
        return {
            name: written[name]
            for name, result in results.items()
            if result.status == "success" and result.message != UNCHANGED
        }

    def everything(self) -> dict[str, NodeResult]:
        """Build all models and ask all tests."""
        project = load_project()
        return self.dbt(*(node.name for node in (*project.models, *project.tests)))


class Batch:
    """Writes rows under one batch number."""

    def __init__(self, cursor: Any, number: int) -> None:
        self.cursor = cursor
        self.number = number

    def put(self, table: str, at: datetime = EPOCH, **row: Any) -> None:
        self._apply(table, {**row, "_changed_at": at, "_deleted": False})

    def remove(self, table: str, key: Any, at: datetime) -> None:
        self.cursor.execute(
            f"UPDATE raw.{table} SET _deleted = true, _batch = %s, _changed_at = %s WHERE {KEYS[table]} = %s",
            (self.number, at, key),
        )
        if table in WITH_HISTORY:
            self.append("history", table, {KEYS[table]: key, "_changed_at": at, "_deleted": True})

    def _apply(self, table: str, row: Mapping[str, Any]) -> None:
        self.cursor.execute(f"DELETE FROM raw.{table} WHERE {KEYS[table]} = %s", (row[KEYS[table]],))
        self.append("raw", table, row)
        if table in WITH_HISTORY:
            self.append("history", table, row)

    def append(self, schema: str, table: str, row: Mapping[str, Any]) -> None:
        stamped = {**row, "_batch": self.number}
        self.cursor.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(schema, table),
                sql.SQL(", ").join(map(sql.Identifier, stamped)),
                sql.SQL(", ").join(sql.Placeholder() * len(stamped)),
            ),
            list(stamped.values()),
        )


def product_versions(warehouse: Staging) -> list[tuple[Any, ...]]:
    """(product_id, catalog_id, category, valid_from, valid_to) of all versions, in the order of time."""
    rows = warehouse.rows(
        "SELECT product_id, catalog_id, category, valid_from, valid_to FROM star.dim_product"
        " WHERE NOT _deleted AND product_key <> 0 ORDER BY product_id, valid_from, catalog_id"
    )
    return [tuple(row.values()) for row in rows]


def land_history(warehouse: Staging) -> None:
    """Two days, two countries, two categories and three sales, one of them of an unknown day and country."""
    with warehouse.batch() as batch:
        batch.put("dim_date", dateid=1, date=date(2021, 3, 31), quarter=2)
        batch.put("dim_date", dateid=2, date=date(2021, 4, 1), quarter=2)
        batch.put("dim_country", countryid=1, country="Spain")
        batch.put("dim_country", countryid=2, country="South Korea")
        batch.put("dim_category", categoryid=1, category="Toys")
        batch.put("dim_category", categoryid=2, category="Books")
        batch.put("fact_sales", orderid=1, dateid=1, countryid=1, categoryid=1, amount=100)
        batch.put("fact_sales", orderid=2, dateid=2, countryid=2, categoryid=2, amount=Decimal("20.50"))
        batch.put("fact_sales", orderid=3, dateid=99, countryid=99, categoryid=2, amount=3)
