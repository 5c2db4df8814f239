"""A MySQL table as COPY lines that somebody else reads, over several connections at once.

The server builds the same lines for whoever asks, so a reader that does not know the engine, such as Spark's
JDBC, gets the engine's own conversion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pymysql

from sync.errors import SyncError
from sync.sources.mysql.catalog import SourceTable, quote
from sync.sources.mysql.portions import PORTION_ROWS, Order
from sync.sources.mysql.rows import RowReader
from sync.spec import Column, Table

LINE = "softcart_line"


@dataclass(frozen=True)
class Lines:
    """`query` selects the column `LINE` beside those of the primary key. Each of the `conditions` takes a
    part of its rows, all of them together each row once. `settings` makes a session one that may read."""

    query: str
    conditions: tuple[str, ...]
    settings: str


def lines_of(
    connection: pymysql.Connection[Any],
    source: SourceTable,
    table: Table,
    columns: Sequence[Column],
    session: Mapping[str, str],
    part_rows: int,
) -> Lines:
    """How to read a table in parts of about `part_rows` rows in the sessions' settings `session`.

    Raises `SyncError` for a table without a primary key that has an order.
    """
    order = Order.of(connection, source)
    if order is None:
        raise SyncError(
            f"{table.qualified}: its source has no primary key by whose order it can be read in parts; let an"
            f" ordinary pass load it"
        )
    every = max(1, part_rows // PORTION_ROWS)
    places = [mark for number, mark in enumerate(order.marks(connection, None), 1) if number % every == 0]
    keys = ", ".join(quote(column.name) for column in order.columns)
    line = RowReader(connection, source, table, columns).line
    settings = ", ".join(f"SESSION {name} = {_value(value)}" for name, value in session.items())
    return Lines(
        query=f"SELECT {line} AS {LINE}, {keys} FROM {source.quoted}",
        conditions=tuple(order.between(*ends) or "TRUE" for ends in pairwise([None, *places, None])),
        settings=f"SET {settings}",
    )


def _value(text: str) -> str:
    is_plain = text.replace(".", "", 1).isdigit() or text == "DEFAULT"
    return text if is_plain else "'" + text.replace("'", "''") + "'"
