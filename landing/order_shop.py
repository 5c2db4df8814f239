"""Order lines of a shop in PostgreSQL, as files in the object store: one a day of their last change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sync.connections.postgresql import connect_postgresql, postgresql_errors
from sync.connections.psycopg import sql
from sync.connections.urls import parse
from sync.errors import SyncError
from sync.sources.files.store import Store
from sync.spec import Column

TABLE = "order_lines"
UPDATED = "updated_at"


@dataclass(frozen=True)
class Extracted:
    """What was written: the object's name, its rows and bytes. A day without changes has no object."""

    name: str
    rows: int
    bytes: int


def extract_day(
    url: str, columns: Sequence[Column], key: Sequence[str], day: dt.date, zone: str, into: Store
) -> Extracted:
    """Write the lines that were last changed on a day of the time zone `zone`, as the shop has them now.

    The shop's table or view `order_lines` has the names of `columns`; the file has their source names. The
    same day again replaces its file. Raises `SyncError` where a column is missing.
    """
    with (
        closing(connect_postgresql(url)) as connection,
        postgresql_errors(f"{TABLE} in {parse(url)}"),
        TemporaryDirectory() as folder,
    ):
        connection.set_session(readonly=True, autocommit=False)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL TIME ZONE %s", (zone,))
            cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(TABLE)))
            there = {column.name for column in cursor.description or ()}
            if missing := [column.name for column in columns if column.name not in there]:
                raise SyncError(f"{TABLE} in {parse(url)} has no column {missing[0]}; make a view with it")
            selected = sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(sql.Identifier(column.name), sql.Identifier(column.source_name))
                for column in columns
            )
            query = sql.SQL(
                "COPY (SELECT {} FROM {} WHERE {updated} >= {day}::timestamptz"
                " AND {updated} < ({day}::date + 1)::timestamptz ORDER BY {})"
                " TO STDOUT WITH (FORMAT csv, HEADER)"
            ).format(
                selected,
                sql.Identifier(TABLE),
                sql.SQL(", ").join(map(sql.Identifier, key)),
                updated=sql.Identifier(UPDATED),
                day=sql.Literal(day.isoformat()),
            )
            path = Path(folder) / "rows.csv"
            with path.open("wb") as file:
                cursor.copy_expert(query, file)
            rows = cursor.rowcount
        name = f"shop/{day}.csv"
        if rows:
            into.put(name, path)
        return Extracted(name, rows, path.stat().st_size if rows else 0)
