"""Tables as a workbook for a spreadsheet: numbers are numbers, dates are dates, and no text is a formula."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from exporting.storing import written

LONGEST_NAME = 31
MOST_ROWS = 1_048_576
# Excel counts days from here on.
_FIRST_DAY = date(1900, 1, 1)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# The same bytes for the same tables: a workbook says when it was made.
_MADE = datetime(2000, 1, 1)


@dataclass(frozen=True)
class Sheet:
    """A table: its name, the names of its columns, its rows."""

    name: str
    columns: tuple[str, ...]
    rows: Iterable[Sequence[Any]]


def write_workbook(sheets: Iterable[Sheet], path: Path) -> dict[str, int]:
    """Write a workbook with a sheet for each table, its header frozen; returns the rows of each.

    A table with more rows than a sheet holds goes on in further ones. Memory grows with neither.
    """
    import xlsxwriter

    counts: dict[str, int] = {}
    with written(path) as beside, xlsxwriter.Workbook(str(beside), {"constant_memory": True}) as book:
        book.set_properties({"created": _MADE})
        writer = _Writer(book)
        for sheet in sheets:
            counts[sheet.name] = writer.add(sheet)
    return counts


class _Writer:
    def __init__(self, book: Any) -> None:
        self._book = book
        self._header = book.add_format({"bold": True, "bottom": 1})
        self._quoted = book.add_format({"quote_prefix": True})
        self._money = book.add_format({"num_format": "#,##0.00"})
        self._count = book.add_format({"num_format": "#,##0"})
        self._date = book.add_format({"num_format": "yyyy-mm-dd"})
        self._time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._names: set[str] = set()

    def add(self, sheet: Sheet) -> int:
        total, line, page = 0, MOST_ROWS, None
        for row in sheet.rows:
            if line == MOST_ROWS:
                page, line = self._page(sheet), 1
            for place, value in enumerate(row):
                self._write(page, line, place, sheet.columns[place], value)
            line += 1
            total += 1
        if page is None:
            self._page(sheet)
        return total

    def _page(self, sheet: Sheet) -> Any:
        page = self._book.add_worksheet(self._free_name(sheet.name))
        page.freeze_panes(1, 0)
        for place, column in enumerate(sheet.columns):
            page.set_column(place, place, max(10, min(40, len(column) + 3)))
            page.write_string(0, place, column, self._header)
        return page

    def _free_name(self, wanted: str) -> str:
        """A sheet's name is short and not there yet, whatever the case."""
        name, number = wanted[:LONGEST_NAME], 1
        while name.lower() in self._names:
            number += 1
            suffix = f" ({number})"
            name = wanted[: LONGEST_NAME - len(suffix)] + suffix
        self._names.add(name.lower())
        return name

    def _write(self, page: Any, line: int, place: int, column: str, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, bool):
            page.write_boolean(line, place, value)
        elif isinstance(value, int) and _is_exact(value):
            # A year is no quantity.
            page.write_number(line, place, value, None if column == "year" else self._count)
        elif isinstance(value, Decimal | float) and _is_exact(value):
            page.write_number(line, place, float(value), self._money)
        elif isinstance(value, datetime) and value.date() >= _FIRST_DAY:
            page.write_datetime(line, place, value.replace(tzinfo=None), self._time)
        elif isinstance(value, date) and value >= _FIRST_DAY:
            page.write_datetime(line, place, value, self._date)
        else:
            text = str(value)
            # As text a cell that begins like a formula is none; with its quote it stays so when it is edited.
            page.write_string(line, place, text, self._quoted if text.startswith(_FORMULA) else None)


def _is_exact(value: int | float | Decimal) -> bool:
    """Whether a spreadsheet's double is this number and not its neighbour."""
    number = float(value)
    return math.isfinite(number) and Decimal(repr(number)) == Decimal(str(value))
