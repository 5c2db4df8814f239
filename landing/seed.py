"""Give production what it already knew of the sales before the first sync."""

from __future__ import annotations

from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from landing.csv_reader import CsvReader
from landing.files import SALES_SEED
from landing.land import land
from landing.landing_file import find
from landing.postgres import ensure_memory, forget, is_missing
from landing.postgres_store import SeedStore
from landing.result import LandingResult
from landing.spec import FileSpec
from sync.connections import postgresql_errors


def ensure_seed_table(production: Connection, spec: FileSpec = SALES_SEED) -> None:
    """Create production's `sales.sales_data` where it is missing. Only its key is NOT NULL: the rows that the
    sync adds to it have no price and no time."""
    with postgresql_errors(spec.target):
        ensure_memory(production)
        schema, name = spec.target.split(".")
        table = sql.Identifier(schema, name)
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(field.type.postgres))
            for field in spec.fields
        ]
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
