"""The rows of CSV files and of JSON lines, each with its line number, or why it is none.

A value is passed on as it is written, so that its type in the target decides whether it fits. A quote that is
opened and never closed costs its own line, not the rest of the file, which is what `csv` alone would make one
value of.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

from sync.errors import SyncError
from sync.sources.files.layout import Layout

LONGEST_LINE = 4 << 20  # characters
LONGEST_RECORD = 100  # lines that one quoted value may go over
OPEN_QUOTE = "unexpected end of data"
SHOWN = 2000  # characters of a broken line
UNDECODABLE = "surrogateescape"  # keeps bytes that are none of the encoding, so that they are found in a row


class Row(NamedTuple):
    """A row's first line number and its values in the order that was asked for, None for NULL; a broken one
    has a reason and the `raw` line instead."""

    line: int
    values: list[str | None]
    reason: str = ""
    raw: str = ""


class Unfit(Exception):
    """The object lacks a column or is no text at all; its first line says why."""


def csv_rows(file: BinaryIO, name: str, layout: Layout, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file, with the values of `columns`.

    Raises `Unfit` for a file whose header lacks one that is not optional, and `SyncError` for a line without
    end.
    """
    source = _OneRecord()
    reader = csv.reader(source, delimiter=layout.delimiter, strict=True, skipinitialspace=True)
    lines = _Lines(file, name, layout.encoding)
    header = list(layout.header)
    places: list[int | None] = _places(header, layout, columns) if header else []
    while (line := lines.next()) is not None:
        number, raw = line
        if not raw.strip():
            continue
        values, reason = source.parse(reader, raw)
        if reason == OPEN_QUOTE:
            values, reason, raw = _across(source, reader, lines, raw, len(header))
        if not header:
            if reason:
                raise Unfit(f"its header cannot be read: {reason}")
            header = [value.strip() for value in values]
            places = _places(header, layout, columns)
        elif reason:
            yield Row(number, [], reason, raw[:SHOWN])
        elif len(values) != len(header):
            said = f"has {len(values)} values where {len(header)} are expected"
            yield Row(number, [], said, raw[:SHOWN])
        else:
            yield Row(number, [None if at is None else values[at].strip() or None for at in places])


def json_rows(file: BinaryIO, name: str, layout: Layout, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of JSON lines, an object each; what a line does not have is NULL, and what is no plain
    value is passed on as JSON. Numbers keep their digits."""
    lines = _Lines(file, name, layout.encoding)
    decode = json.JSONDecoder(parse_float=_Digits, parse_int=_Digits, parse_constant=_Digits).decode
    while (line := lines.next()) is not None:
        number, raw = line
        if not raw.strip():
            continue
        try:
            found = decode(raw)
        except (ValueError, RecursionError) as error:
            yield Row(number, [], f"is no JSON: {error}", raw[:SHOWN])
            continue
        if isinstance(found, dict):
            yield Row(number, [_json_value(found.get(column)) for column in columns])
        else:
            yield Row(number, [], "is no JSON object", raw[:SHOWN])


class _Digits(str):
    """A number as it is written."""


def _json_value(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _as_json(value)


def _as_json(value: Any) -> str:
    """JSON in which numbers are as they were written."""
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_as_json(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_as_json, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _places(header: Sequence[str], layout: Layout, columns: Sequence[str]) -> list[int | None]:
    names = [name.lower() for name in header]
    places: list[int | None] = []
    for column in columns:
        if (found := names.count(column.lower())) == 1:
            places.append(names.index(column.lower()))
        elif not found and column in layout.optional:
            places.append(None)
        else:
            said = "names it twice" if found else f"has {', '.join(header)[:SHOWN]}"
            raise Unfit(f"column {column} is expected, and its header {said}")
    return places


class _OneRecord:
    """The lines of one record at a time for a `csv.reader`, so that it cannot run on into the next record."""

    _text = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._text:
            raise StopIteration
        text, self._text = self._text, ""
        return text

    def parse(self, reader: Any, text: str) -> tuple[list[str], str]:
        """The values, or why there are none."""
        self._text = text
        try:
            return next(reader), ""
        except csv.Error as error:
            return [], str(error)


def _across(
    source: _OneRecord, reader: Any, lines: _Lines, raw: str, width: int
) -> tuple[list[str], str, str]:
    """The record whose quoted value goes on in the next lines; those taken in vain are given back."""
    taken: list[tuple[int, str]] = []
    while len(taken) < LONGEST_RECORD and (line := lines.next()) is not None:
        taken.append(line)
        if '"' not in line[1]:
            continue
        text = raw + "".join(each for _, each in taken)
        values, reason = source.parse(reader, text)
        if not reason and (not width or len(values) == width):
            return values, "", text
        if reason != OPEN_QUOTE:
            break
    lines.give_back(taken)
    return [], "a quote is opened and not closed", raw


class _Lines:
    """A text's lines with their numbers. Raises `SyncError` for one that memory need not hold."""

    def __init__(self, file: BinaryIO, name: str, encoding: str) -> None:
        binary = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if name.endswith(".gz") else file
        encoding = "utf-8-sig" if encoding.lower().replace("_", "-") == "utf-8" else encoding
        self._text = io.TextIOWrapper(binary, encoding=encoding, errors=UNDECODABLE, newline="")
        self._name = name
        self._number = 0
        self._returned: deque[tuple[int, str]] = deque()

    def next(self) -> tuple[int, str] | None:
        if self._returned:
            return self._returned.popleft()
        try:
            line = self._text.readline(LONGEST_LINE)
        except (EOFError, gzip.BadGzipFile) as error:
            raise SyncError(f"{self._name}: it cannot be unpacked: {error}") from error
        if not line:
            return None
        self._number += 1
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            raise SyncError(f"{self._name}: line {self._number} has no end; is it text?")
        return self._number, line

    def give_back(self, lines: Sequence[tuple[int, str]]) -> None:
        self._returned.extendleft(reversed(lines))
