"""Read a CSV file: every record becomes a row of typed values or is rejected with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from landing.column_order import Bounds, ColumnOrder
from landing.csv_records import CsvRecords, Record
from landing.landing_file import check_text, opened_text
from landing.lines import Line, Reject, printable
from landing.result import LandingError
from landing.spec import Field, FileSpec
from landing.values import Value, shown

Row = tuple[Value, ...]

_DELIMITERS = (";", "\t", "|")
_NAME_LIKE = re.compile(r"[^\W\d]")


class CsvReader:
    """The rows of one CSV file, in the order of the declared fields. Memory does not grow with the file."""

    def __init__(self, spec: FileSpec, path: Path, known: Mapping[str, Bounds] | None = None) -> None:
        """`known` are bounds of the columns' values, by which a file without a header is checked."""
        self.spec = spec
        self.path = path
        self._order = ColumnOrder(spec, known or {})
        self.lines = 0
        self.ignored_columns: tuple[str, ...] = ()

    def rows(self, reject: Reject) -> Iterator[Line[Row]]:
        """The rows that fit the declaration; the others are given to `reject`.

        Raises `LandingError` for a file that is empty, binary, lacks a declared column, or has its columns in
        another order without saying so.
        """
        check_text(self.path, self.spec.encoding)
        with opened_text(self.path, self.spec.encoding) as file:
            records = CsvRecords(file, self.spec.encoding)
            first = next(records.read(), None)
            if first is None:
                raise LandingError(f"{self.spec.name}: the file is empty")
            names = self._names(first)
            fields, width = self._layout(first, names)
            if not names:
                records.give_back(first)
            fitting = 0
            for number, raw, values, reason in records.read(width, lambda values: _fits(fields, values)):
                self.lines += 1
                text = printable(raw)
                if reason is None:
                    fitting += 1
                    try:
                        row = _row(fields, values)
                    except ValueError as error:
                        reason = str(error)
                    else:
                        self._order.take(row)
                        yield Line(number, text, row)
                        continue
                reject(number, text, reason)
        if not names:
            self._check_order(first, width, fitting)

    def _names(self, first: Record) -> list[str]:
        """The columns' names in lower case, as the first line has them; none if it is a line of values."""
        names = [value.strip().lower() for value in first.values]
        is_header = self.spec.header or any(name in self.spec.columns for name in names)
        if is_header or (len(names) > 1 and all(_NAME_LIKE.match(name) for name in names)):
            return names or [""]
        return []

    def _layout(self, first: Record, names: list[str]) -> tuple[list[tuple[Field, int]], int]:
        """Each declared field with its place in a record, and how many values a record has."""
        if not names:
            return [(field, place) for place, field in enumerate(self.spec.fields)], len(self.spec.fields)
        delimiter = self._delimiter(first.raw.lower()) if "," not in first.raw else None
        if delimiter:
            raise LandingError(f"{self.spec.name}: {_save_with_commas(delimiter)}")
        if first.reason:
            raise LandingError(f"{self.spec.name}: its header {first.reason}")
        if missing := [name for name in self.spec.columns if name not in names]:
            raise LandingError(
                f"{self.spec.name}: it lacks column {', '.join(missing)}; its first line is"
                f" {shown(printable(first.raw))}"
            )
        if twice := [name for name in self.spec.columns if names.count(name) > 1]:
            raise LandingError(f"{self.spec.name}: its header names column {twice[0]} twice")
        self.ignored_columns = tuple(name for name in names if name and name not in self.spec.columns)
        return [(field, names.index(field.name)) for field in self.spec.fields], len(names)

    def _delimiter(self, raw: str) -> str | None:
        """What stands between the values of a line in a comma's place."""
        for delimiter in _DELIMITERS:
            values = [value.strip().strip('"') for value in raw.split(delimiter)]
            if set(self.spec.columns) <= set(values):
                return delimiter
            if not self.spec.header and len(values) == len(self.spec.fields):
                return delimiter
        return None

    def _check_order(self, first: Record, width: int, fitting: int) -> None:
        """Raises `LandingError` for a file without a header whose lines are something else, or whose columns
        are in another order."""
        if self.lines and not fitting:
            if delimiter := self._delimiter(first.raw):
                raise LandingError(f"{self.spec.name}: {_save_with_commas(delimiter)}")
            raise LandingError(
                f"{self.spec.name}: not one of its {self.lines} lines holds the {width} columns"
                f" {', '.join(self.spec.columns)}; is it another file?"
            )
        if swapped := [f"{there} where {name} is expected" for name, there in self._order.better()]:
            raise LandingError(
                f"{self.spec.name}: its columns seem to be in another order than"
                f" {', '.join(self.spec.columns)}: by its values it has {' and '.join(swapped)}."
                " Name them in a first line, which is believed"
            )


def _save_with_commas(delimiter: str) -> str:
    return f"its values are separated by {delimiter!r}; save it with commas between them"


def _fits(fields: list[tuple[Field, int]], values: list[str]) -> bool:
    try:
        _row(fields, values)
    except ValueError:
        return False
    return True


def _row(fields: list[tuple[Field, int]], values: list[str]) -> Row:
    row: list[Value] = []
    for field, place in fields:
        text = values[place].strip()
        if text:
            try:
                row.append(field.type.parse(text))
            except ValueError as error:
                raise ValueError(f"{field.name}: {error}") from None
        elif field.required:
            raise ValueError(f"{field.name}: it is empty")
        else:
            row.append(None)
    return tuple(row)
