"""Land the shop's files in its MySQL database `shop`."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from pymysql.connections import Connection

from landing.column_order import ROWS_LOOKED_AT, Bounds, bounds_of
from landing.csv_reader import CsvReader
from landing.files import RELATED, SHOP_FILES
from landing.land import land
from landing.landing_file import find
from landing.mysql import column_list, present_tables, quoted, run_script
from landing.mysql_memory import ensure_landed_rows, ensure_memory, forget
from landing.mysql_store import KeyedStore, LineStore
from landing.result import LandingError, LandingResult
from landing.spec import FileSpec
from landing.values import Integer, Money
from sync.connections.mysql import mysql_errors
from sync.connections.psycopg import Connection as PostgresConnection


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
    with mysql_errors(f"{spec.name} into {spec.target}"):
        reader = CsvReader(spec, path, _known(spec, folder, shop)) if path else None
        return land(spec, reader, store, staging, max_rejected_share)


def _known(spec: FileSpec, folder: Path | None, shop: Connection[Any]) -> dict[str, Bounds]:
    """What is known of the values of a file without a header: from the table's newest rows, else from the
    folder's other files."""
    if spec.header:
        return {}
    columns = [field.name for field in spec.fields if isinstance(field.type, (Integer, Money))]
    with shop.cursor() as cursor:
        newest = f"ORDER BY rowid DESC LIMIT {ROWS_LOOKED_AT}"
        cursor.execute(f"SELECT {column_list(columns)} FROM {quoted(spec.table)} {newest}")
        known = bounds_of(columns, cursor.fetchall())
    return known or {
        name: bounds
        for related, names in reversed(RELATED.get(spec.name, ()))
        for name, bounds in _bounds_in(related, folder).items()
        if name in names
    }


def _bounds_in(spec: FileSpec, folder: Path | None) -> dict[str, Bounds]:
    """The bounds of a file's columns by its first lines. One that is something else shows none; its own
    landing says so."""
    try:
        path = find(folder, spec.name)
        lines = CsvReader(spec, path).rows(lambda *_: None) if path else iter(())
        rows = [line.content for line in islice(lines, ROWS_LOOKED_AT)]
    except LandingError:
        return {}
    return bounds_of(spec.columns, rows)
