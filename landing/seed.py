"""Give production what it already knew of the sales before the first sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from landing.csv_reader import CsvReader
from landing.files import SALES_SEED
from landing.land import land
from landing.landing_file import find
from landing.postgres import ensure_memory, forget, is_missing
from landing.postgres_store import SeedStore
from landing.result import LandingResult
from landing.spec import FileSpec
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, sql
from sync.warehouses.adopt import adopt
from sync.warehouses.contract import Warehouse
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.schema import TableName

# Where the seed of a warehouse that is no PostgreSQL lies in staging, whose every row has these columns.
STAGED_SEED = "adopted.sales_seed"
BOOKKEEPING = ("_batch bigint NOT NULL DEFAULT 1", "_deleted boolean NOT NULL DEFAULT false")


def ensure_seed_table(
    production: Connection, spec: FileSpec = SALES_SEED, further: Sequence[str] = ()
) -> None:
    """Create production's `sales.sales_data` where it is missing. Only its key is NOT NULL: the rows that the
    sync adds to it have no price and no time. `further` are the definitions of columns behind the file's."""
    with postgresql_errors(spec.target):
        ensure_memory(production)
        schema, name = spec.target.split(".")
        table = sql.Identifier(schema, name)
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(field.type.postgres))
            for field in spec.fields
        ]
        columns += [sql.Composed([sql.SQL(definition)]) for definition in further]
        key = sql.SQL(", ").join(sql.Identifier(part) for part in spec.key)
        with production, production.cursor() as cursor:
            if is_missing(cursor, table):
                forget(cursor, spec.name)
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('softcart landing', 0))")
                cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
                cursor.execute(
                    sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
                        table, sql.SQL(", ").join(columns), key
                    )
                )


def seed_production(
    folder: Path | None,
    production: Connection,
    staging: Connection,
    max_rejected_share: float | None = None,
    spec: FileSpec = SALES_SEED,
) -> LandingResult:
    """Fill production's `sales.sales_data` from `sales.csv`, once.

    `staging` gets the lines that cannot be landed. A table that has other rows, or a file that changed after
    it was the seed, is left alone: such lines count as `left_out`, and the result's `note` says why. Raises
    `LandingError` as `land_csv` does.
    """
    ensure_seed_table(production, spec)
    path = find(folder, spec.name)
    reader = CsvReader(spec, path) if path else None
    return land(spec, reader, SeedStore(production, spec), staging, max_rejected_share)


def seed_warehouse(
    folder: Path | None,
    warehouse: Warehouse,
    staging: Connection,
    run_id: str,
    max_rejected_share: float | None = None,
    spec: FileSpec = SALES_SEED,
) -> LandingResult:
    """The same for a warehouse of any system: the file lands in staging, whose table production then gets
    where it has none. Raises `LandingError` as `land_csv` does, `LeaseTaken` while another pass goes on.
    """
    staged = replace(spec, target=STAGED_SEED)
    ensure_seed_table(staging, staged, BOOKKEEPING)
    path = find(folder, spec.name)
    reader = CsvReader(staged, path) if path else None
    result = land(staged, reader, SeedStore(staging, staged), staging, max_rejected_share)
    source, into = (TableName(*name.split(".")) for name in (STAGED_SEED, spec.target))
    with warehouse.reader() as production:
        is_there = production.exists(into)
    if not is_there:
        adopt(PostgreSQLStaging(staging), warehouse, source, into, run_id)
    return replace(result, target=spec.target)
