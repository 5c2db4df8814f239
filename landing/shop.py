"""Land the shop's files in its MySQL database `shop`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as PostgresConnection
from pymysql.connections import Connection

from landing.csv_reader import CsvReader
from landing.files import SHOP_FILES
from landing.land import land
from landing.landing_file import find
from landing.mysql import MEMORY_TABLES, ensure_landed_rows, ensure_tables
from landing.mysql_store import KeyedStore, LineStore
from landing.result import LandingResult
from landing.spec import FileSpec
from sync.connections import mysql_errors


def ensure_shop(connection: Connection[Any]) -> None:
    """Create what is missing of the shop's tables and of landing's memory; `connection` may do so."""
    with mysql_errors("shop"):
        ensure_tables(connection, "shop.sql", [spec.table for spec in SHOP_FILES])
        ensure_tables(connection, "landing.sql", MEMORY_TABLES)
        for spec in SHOP_FILES:
            if spec.key:
                ensure_landed_rows(connection, spec)


def land_csv(
    spec: FileSpec,
    folder: Path | None,
    shop: Connection[Any],
    staging: PostgresConnection,
    max_rejected_share: float | None = None,
) -> LandingResult:
    """Land one of the shop's files from `folder`, if it is there.

    `shop` may write to the shop's database; `staging` gets the lines that cannot be landed. Raises
    `LandingError` for a file that is something else, or of which more than `max_rejected_share` cannot be
    landed; then nothing was written.
    """
    ensure_shop(shop)
    path = find(folder, spec.name)
    store = KeyedStore(shop, spec) if spec.key else LineStore(shop, spec)
    reader = CsvReader(spec, path) if path else None
    with mysql_errors(f"{spec.name} into {spec.target}"):
        return land(spec.name, spec.target, spec, reader, store, staging, max_rejected_share)
