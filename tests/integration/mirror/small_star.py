"""A star of three tables and a report in staging, in the form that the models give them, and its mirror."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from sync import state
from sync.connections.postgresql import connect_postgresql
from sync.warehouses.comparison import TableComparison
from sync.warehouses.mirror import MirrorResult, Publication, mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.postgresql.warehouse import PostgreSQLWarehouse
from sync.warehouses.schema import TableName
from sync.warehouses.table_work import TableResult
from sync.warehouses.verify import verify
from sync.warehouses.views import View

COUNTRY = TableName("star", "dim_country")
CUSTOMER = TableName("star", "dim_customer")
FACT = TableName("star", "fact_sales")
REPORT = TableName("reports", "sales_by_country")
TABLES = (FACT, CUSTOMER, COUNTRY, REPORT)

TOTALS = View(
    TableName("reports", "total_sales_per_country"),
    "SELECT c.country, sum(f.amount) AS total_sales, count(*) AS sales"
    " FROM star.fact_sales f JOIN star.dim_country c USING (country_key) GROUP BY c.country",
    "Total sales of each country.",
    inputs=(FACT, COUNTRY),
    key=("country",),
)
SALES = View(
    TableName("bi", "sales"),
    "SELECT f.sale_key, f.amount, c.country"
    " FROM star.fact_sales f JOIN star.dim_country c USING (country_key)",
    "Sales with their country.",
)

DDL = """
CREATE TABLE star.dim_country (
    country_key bigint PRIMARY KEY, country_id bigint, country text NOT NULL,
    _batch bigint NOT NULL, _deleted boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE star.dim_country IS 'Countries';
COMMENT ON COLUMN star.dim_country.country IS 'English name';
CREATE TABLE star.dim_customer (
    customer_key text PRIMARY KEY, customer_id bigint NOT NULL, "e-mail" text,
    valid_from timestamptz NOT NULL, weight double precision,
    _batch bigint NOT NULL, _changed_at timestamptz DEFAULT now(), _deleted boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX ON star.dim_customer (customer_id, valid_from) WHERE NOT _deleted;
CREATE UNIQUE INDEX ON star.dim_customer (customer_id, weight);
CREATE TABLE star.fact_sales (
    sale_key text PRIMARY KEY, country_key bigint NOT NULL REFERENCES star.dim_country,
    customer_key text REFERENCES star.dim_customer, price numeric, amount numeric(14,2), sold_at timestamptz,
    _batch bigint NOT NULL, _deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX ON star.fact_sales (_batch);
CREATE INDEX ON star.fact_sales (sold_at);
CREATE TABLE reports.sales_by_country (
    country text PRIMARY KEY, total_sales numeric, sales bigint,
    _batch bigint NOT NULL, _deleted boolean NOT NULL DEFAULT false
);
"""
ROWS = """
INSERT INTO star.dim_country SELECT i, i, 'Country ' || i, {batch} FROM generate_series(1, 4) i;
INSERT INTO star.dim_customer SELECT 'c' || i, i, i || '@example.org', '-infinity', i / 3.0, {batch}
    FROM generate_series(1, 10) i;
INSERT INTO star.fact_sales SELECT 's' || i, 1 + i % 4, 'c' || 1 + i % 10, i, 2 * i,
    timestamptz '2024-01-01 00:00+00' + i * interval '1 hour', {batch} FROM generate_series(1, 100) i;
INSERT INTO reports.sales_by_country SELECT country, sum(amount), count(*), {batch}
    FROM star.fact_sales JOIN star.dim_country USING (country_key) GROUP BY country;
"""


@dataclass
class SmallStar:
    """Staging and production of one test, their URLs and a connection to each in autocommit mode."""

    urls: tuple[str, str]
    staging: Connection
    production: Connection

    def build(self) -> None:
        """Create and fill the tables in staging."""
        state.prepare(self.staging, schemas=("star", "reports"))
        self.change(DDL)
        self.change(ROWS)

    def change(self, statements: str) -> None:
        """Run statements in staging as one batch, whose number stands for `{batch}` in them."""
        with self.staging, self.staging.cursor() as cursor:
            cursor.execute(statements.replace("{batch}", str(state.next_batch(cursor))))

    def mirror(
        self, views: Sequence[View] = (), role: str | None = None, compare: bool = False
    ) -> MirrorResult:
        staging, publication = PostgreSQLStaging(self.staging), Publication(views, role)
        return mirror(staging, self.warehouse(), TABLES, "test", publication, compare)

    def warehouse(self) -> PostgreSQLWarehouse:
        return PostgreSQLWarehouse(lambda: self.production)

    def verify(self) -> list[TableComparison]:
        return verify(PostgreSQLStaging(self.staging), self.warehouse(), TABLES)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds in production."""
        return read(self.production, query)

    def tables_are_equal(self) -> bool:
        """Whether production has staging's live rows, found by reading both whole."""
        return all(
            read(self.staging, f"SELECT {columns} FROM {name} WHERE NOT _deleted ORDER BY 1")
            == read(self.production, f"SELECT {columns} FROM {name} ORDER BY 1")
            for name in TABLES
            for columns in [business_columns(self.staging, name)]
        )

    def versions(self) -> dict[TableName, list[tuple[Any, ...]]]:
        """The physical row versions of production's tables: a row that is written gets another."""
        return {name: self.rows(f"SELECT ctid, xmin FROM {name} ORDER BY 1") for name in TABLES}


@contextmanager
def emptied(staging: str, production: str) -> Iterator[SmallStar]:
    """Two databases, emptied for it; nothing is built in staging yet."""
    star = SmallStar((staging, production), connect_postgresql(staging), connect_postgresql(production))
    try:
        for connection in (star.staging, star.production):
            with connection.cursor() as cursor:
                cursor.execute("DROP SCHEMA IF EXISTS star, reports, bi, sync, quarantine CASCADE")
        yield star
    finally:
        star.staging.close()
        star.production.close()


def read(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def business_columns(connection: Connection, name: TableName) -> str:
    """The table's columns without the bookkeeping ones, as a SELECT list."""
    ((columns,),) = read(
        connection,
        f"SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
        f" WHERE attrelid = '{name}'::regclass AND attnum > 0 AND NOT attisdropped AND attname !~ '^_'",
    )
    return str(columns)


def of(result: MirrorResult, name: TableName) -> TableResult:
    """A table's part of a pass's result."""
    return next(table for table in result.tables if table.name == name)


def counts(result: MirrorResult, name: TableName) -> tuple[int, int, int]:
    """Rows inserted, updated and deleted of a table."""
    table = of(result, name)
    return table.inserted, table.updated, table.deleted
