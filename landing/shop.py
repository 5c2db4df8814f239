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
from landing.mysql import present_tables, run_script
from landing.mysql_memory import ensure_landed_rows, ensure_memory, forget
from landing.mysql_store import KeyedStore, LineStore
from landing.result import LandingResult
from landing.spec import FileSpec
from sync.connections import mysql_errors


def ensure_shop(connection: Connection[Any]) -> None:
    """Create what is missing of the shop's tables and of landing's memory; `connection` may do so.

    A table that was dropped is landed anew, so its memory goes first.
    """
    with mysql_errors("shop"), connection.cursor() as cursor:
        ensure_memory(cursor)
        present = present_tables(cursor)
        missing = [spec for spec in SHOP_FILES if spec.table not in present]
        for spec in missing:
            forget(cursor, spec.name, spec.table)
        connection.commit()
        if missing:
            run_script(cursor, "shop.sql")
        for spec in SHOP_FILES:
            if spec.key:
                ensure_landed_rows(cursor, spec)


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
    landed; then nothing was landed.
    """
    ensure_shop(shop)
    path = find(folder, spec.name)
    store = KeyedStore(shop, spec) if spec.key else LineStore(shop, spec)
    reader = CsvReader(spec, path) if path else None
    with mysql_errors(f"{spec.name} into {spec.target}"):
        return land(spec, reader, store, staging, max_rejected_share)
