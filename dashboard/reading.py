"""The rows of the dashboard's queries, from whatever warehouse is production."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from dashboard.panel import Kind, Panel, Row, TableColumn

QUERIES = Path(__file__).parents[1] / "sql" / "dashboard"

Read = Callable[[str], Sequence[Sequence[Any]]]
"""Executes a query on production and returns its rows."""


def read_panel(read: Read, panel: Panel) -> list[Row]:
    """The rows of a panel's query, by the names of its columns."""
    return read_query(read, panel.query, panel.columns)


def read_query(read: Read, query: str, columns: Sequence[TableColumn]) -> list[Row]:
    """The rows of `sql/dashboard/<query>.sql`, whose columns come in the order of `columns`.

    Drivers differ in the types of sums and counts, so that they are made Decimals and integers here.
    """
    text = (QUERIES / f"{query}.sql").read_text()
    return [
        {column.name: _plain(value, column.kind) for column, value in zip(columns, row, strict=True)}
        for row in read(text)
    ]


def _plain(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    match kind:
        case Kind.MONEY | Kind.DECIMAL:
            return Decimal(str(value))
        case Kind.COUNT | Kind.YEAR | Kind.MONTH | Kind.QUARTER:
            return int(value)
        case _:
            return value
