"""Read a CSV file: every record becomes a row of typed values or is rejected with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from landing.csv_records import CsvRecords
from landing.landing_file import check_text
from landing.lines import KEEP_UNDECODABLE, Line, Reject, printable
from landing.result import LandingError
from landing.spec import Field, FileSpec
from landing.values import Value, shown

Row = tuple[Value, ...]


class CsvReader:
    """The rows of one CSV file, in the order of the declared fields. Memory does not grow with the file."""

    def __init__(self, spec: FileSpec, path: Path) -> None:
        self.spec = spec
        self.path = path
        self.lines = 0
        self.ignored_columns: tuple[str, ...] = ()

    def rows(self, reject: Reject) -> Iterator[Line[Row]]:
        """The rows that fit the declaration; the others are given to `reject`.

        Raises `LandingError` for a file that is empty, binary, or lacks a declared column.
        """
        check_text(self.path, self.spec.encoding)
        fitting = 0
        with self.path.open(encoding=self.spec.encoding, errors=KEEP_UNDECODABLE, newline="") as file:
            records = CsvRecords(file, self.spec.encoding)
            fields, width = self._layout(records)
            for number, raw, values, reason in records.read(width):
                self.lines += 1
                text = printable(raw)
                if reason is None:
                    fitting += 1
                    try:
                        yield Line(number, text, _row(fields, values))
                        continue
                    except ValueError as error:
                        reason = str(error)
                reject(number, text, reason)
        if self.lines and not fitting and not self.spec.header:
            raise LandingError(
                f"{self.spec.name}: not one of its {self.lines} lines holds the {width} columns"
                f" {', '.join(self.spec.columns)}; is it another file?"
            )

    def _layout(self, records: CsvRecords) -> tuple[list[tuple[Field, int]], int]:
        """Each declared field with its place in a record, and how many values a record has."""
        if not self.spec.header:
            return [(field, place) for place, field in enumerate(self.spec.fields)], len(self.spec.fields)
        header = next(records.read(), None)
        if header is None:
            raise LandingError(f"{self.spec.name}: the file is empty")
        if header.reason:
            raise LandingError(f"{self.spec.name}: its header {header.reason}")
        names = [value.strip().lower() for value in header.values]
        if missing := [name for name in self.spec.columns if name not in names]:
            raise LandingError(
                f"{self.spec.name}: it lacks column {', '.join(missing)}; its first line is"
                f" {shown(printable(header.raw))}"
            )
        if twice := [name for name in self.spec.columns if names.count(name) > 1]:
            raise LandingError(f"{self.spec.name}: its header names column {twice[0]} twice")
        self.ignored_columns = tuple(name for name in names if name and name not in self.spec.columns)
        return [(field, names.index(field.name)) for field in self.spec.fields], len(names)


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
