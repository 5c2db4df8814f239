"""A small star in staging, changed batch by batch, and production beside it as a warehouse has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from sync import state
from sync.warehouses.comparison import TableComparison
from sync.warehouses.mirror import MirrorResult, Publication, mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.schema import Row, TableName
from sync.warehouses.table_work import TableResult
from sync.warehouses.verify import verify
from sync.warehouses.views import View
from tests.conformance.kits import Kit

COUNTRY = TableName("star", "dim_country")
CUSTOMER = TableName("star", "dim_customer")
FACT = TableName("star", "fact_sales")
TABLES = (FACT, CUSTOMER, COUNTRY)

TOTALS = View(
    TableName("reports", "totals"),
    'SELECT c."country", SUM(f."amount") AS "amount", COUNT(*) AS "sales" FROM "star"."fact_sales" f'
    ' JOIN "star"."dim_country" c ON c."country_key" = f."country_key" GROUP BY c."country"',
    "Total sales of each country.",
    inputs=(FACT, COUNTRY),
    key=("country",),
)
SALES = View(
    TableName("bi", "sales"),
    'SELECT f."sale_key", f."amount", c."country" FROM "star"."fact_sales" f'
    ' JOIN "star"."dim_country" c ON c."country_key" = f."country_key"',
    "Sales with their country.",
)
VIEWS = Publication((TOTALS, SALES))

DDL = """
CREATE TABLE star.dim_country (
    country_key bigint PRIMARY KEY, country varchar(60) NOT NULL,
    _batch bigint, _deleted boolean DEFAULT false
);
COMMENT ON TABLE star.dim_country IS 'Countries';
CREATE TABLE star.dim_customer (
    customer_key varchar(40) PRIMARY KEY, customer_id bigint NOT NULL, email varchar(200), born date,
    valid_from timestamptz NOT NULL, weight double precision, is_current boolean,
    _batch bigint, _deleted boolean DEFAULT false
);
CREATE INDEX ON star.dim_customer (customer_id, valid_from);
CREATE TABLE star.fact_sales (
    sale_key varchar(40) PRIMARY KEY, country_key bigint NOT NULL REFERENCES star.dim_country,
    customer_key varchar(40) REFERENCES star.dim_customer, amount numeric(14,2), sold_at timestamp(6),
    _batch bigint, _deleted boolean DEFAULT false
);
CREATE INDEX ON star.fact_sales (sold_at);
"""
ROWS = """
INSERT INTO star.dim_country SELECT i, 'Country ' || i, {batch} FROM generate_series(1, 4) i;
INSERT INTO star.dim_customer SELECT 'c' || i, i, i || '@example.org', date '1990-01-31' + i,
    timestamptz '2020-01-01 00:00+00' + i * interval '1 day', i / 3.0, i % 2 = 0, {batch}
    FROM generate_series(1, 10) i;
INSERT INTO star.fact_sales SELECT 's' || i, 1 + i % 4, 'c' || 1 + i % 10, 2 * i,
    timestamp '2024-01-01 00:00' + i * interval '1 hour 1 microsecond', {batch}
    FROM generate_series(1, 100) i;
"""
DELTA = """
UPDATE star.dim_country SET country = country || '!', _batch = {batch} WHERE country_key = 2;
INSERT INTO star.dim_customer
    VALUES ('n{batch}', {batch}, NULL, NULL, '2024-05-01 00:00+00', 0, true, {batch});
UPDATE star.fact_sales SET customer_key = 'n{batch}', amount = amount + 1, _batch = {batch}
    WHERE sale_key IN (SELECT sale_key FROM star.fact_sales WHERE NOT _deleted ORDER BY sale_key LIMIT 5);
UPDATE star.fact_sales SET _deleted = true, _batch = {batch}
    WHERE sale_key = (SELECT max(sale_key) FROM star.fact_sales WHERE NOT _deleted);
INSERT INTO star.fact_sales VALUES ('new{batch}', 4, 'n{batch}', 1.50, '2025-01-01', {batch});
"""

Contents = Mapping[TableName, frozenset[Row]]


@dataclass
class Shop:
    """Staging, by a connection in autocommit mode, and the warehouse of a kit."""

    staging: Connection
    kit: Kit

    def build(self) -> None:
        """Create and fill the tables in staging."""
        self.change(DDL)
        self.change(ROWS)

    def change(self, statements: str) -> None:
        """Run statements in staging as one batch, whose number stands for `{batch}` in them."""
        with self.staging, self.staging.cursor() as cursor:
            cursor.execute(statements.replace("{batch}", str(state.next_batch(cursor))))

    def mirror(
        self,
        tables: Sequence[TableName] = TABLES,
        publication: Publication | None = None,
        compare: bool = False,
    ) -> MirrorResult:
        with closing(self.kit.open()) as warehouse:
            published = self.kit.published(publication)
            return mirror(PostgreSQLStaging(self.staging), warehouse, tables, "test", published, compare)

    def verify(self, tables: Sequence[TableName] = TABLES) -> list[TableComparison]:
        with closing(self.kit.open()) as warehouse:
            return verify(PostgreSQLStaging(self.staging), warehouse, tables)

    def wrong(self, tables: Sequence[TableName] = TABLES) -> list[str]:
        """What the verification says of tables that differ."""
        return [str(comparison) for comparison in self.verify(tables) if not comparison.equal]

    def expected(self, tables: Sequence[TableName] = TABLES) -> Contents:
        """Staging's live rows."""
        from sync.warehouses.contract import Selection

        with PostgreSQLStaging(self.staging).snapshot() as snapshot:
            schemas = snapshot.schemas(tables)
            return {
                name: frozenset(row for chunk in snapshot.chunks(Selection(schemas[name])) for row in chunk)
                for name in tables
            }

    def actual(self, tables: Sequence[TableName] = TABLES) -> Contents:
        """Production's rows, all read and held against no hash."""
        with closing(self.kit.open()) as warehouse, warehouse.reader() as reader:
            schemas = reader.schemas(tables)
            return {
                name: frozenset(row for chunk in reader.rows(schema, None) for row in chunk)
                for name, schema in schemas.items()
            }

    def is_equal(self, tables: Sequence[TableName] = TABLES) -> bool:
        return self.actual(tables) == self.expected(tables)

    def staged(self, query: str) -> list[tuple[Any, ...]]:
        with self.staging.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


def of(result: MirrorResult, name: TableName) -> TableResult:
    return next(table for table in result.tables if table.name == name)


def counts(result: MirrorResult, name: TableName) -> tuple[int, int, int]:
    """Rows inserted, updated and deleted of a table."""
    table = of(result, name)
    return table.inserted, table.updated, table.deleted
