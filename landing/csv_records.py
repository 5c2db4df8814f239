"""Cut a CSV file into records. A quote that is opened and never closed costs its own line, not the rest of
the file, which is what `csv` alone would make one value of."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from landing.lines import damage

LONGEST_RECORD_LINES = 1000
_OPEN_QUOTE = "unexpected end of data"
# A quoted value with blanks behind it, which `csv` takes for text after the quote.
_PADDED = re.compile(r'("(?:[^"]|"")*")[ \t]*')


Fits = Callable[[list[str]], bool]
"""Whether the values of a record are of the declared types."""


class Record(NamedTuple):
    """A record's first line number, its text and its values without blanks around; or why it has none."""

    number: int
    raw: str
    values: list[str]
    reason: str | None = None


class _OneRecord:
    """The lines of one record at a time for a `csv.reader`, so that it cannot run on into the next record."""

    text = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.text:
            raise StopIteration
        text, self.text = self.text, ""
        return text


class CsvRecords:
    """The records of a file's lines, which still have their line ends. Blank lines are none."""

    def __init__(self, lines: Iterator[str], encoding: str) -> None:
        self._lines = enumerate(lines, 1)
        self._returned: deque[tuple[int, str]] = deque()
        self._encoding = encoding
        self._source = _OneRecord()
        self._csv = csv.reader(self._source, strict=True, skipinitialspace=True)

    def read(self, width: int | None = None, fits: Fits | None = None) -> Iterator[Record]:
        """The records; one that has not `width` values comes with that reason.

        A line that `fits` says is a good record by itself is none of a quoted value that goes on from before.
        """
        while (line := self._next_line()) is not None:
            number, raw = line
            if number == 1:
                raw = raw.lstrip("\ufeff")
            if not raw.strip():
                continue
            if reason := damage(raw, self._encoding):
                yield Record(number, raw, [], reason)
                continue
            record = self._parse(number, raw, width)
            if record.reason == _OPEN_QUOTE:
                record = self._across_lines(number, raw, width, fits)
            yield record

    def give_back(self, record: Record) -> None:
        """Let the record's lines be read once more."""
        lines = list(enumerate(record.raw.splitlines(keepends=True), record.number))
        self._returned.extendleft(reversed(lines))

    def _next_line(self) -> tuple[int, str] | None:
        return self._returned.popleft() if self._returned else next(self._lines, None)

    def _across_lines(self, number: int, raw: str, width: int | None, fits: Fits | None) -> Record:
        """The record whose quoted value goes on in the next line; the lines taken in vain are given back."""
        taken: list[tuple[int, str]] = []
        while len(taken) < LONGEST_RECORD_LINES and (line := self._next_line()) is not None:
            taken.append(line)
            alone = self._parse(*line, width) if fits else None
            if fits and alone and alone.reason is None and fits(alone.values):
                break
            if '"' not in line[1]:
                continue
            record = self._parse(number, raw + "".join(text for _, text in taken), width)
            if record.reason is None and damage(record.raw, self._encoding) is None:
                return record
            if record.reason != _OPEN_QUOTE:
                break
        self._returned.extendleft(reversed(taken))
        return Record(number, raw, [], "a quote is opened and not closed")

    def _parse(self, number: int, raw: str, width: int | None) -> Record:
        try:
            try:
                values = self._values(raw)
            except csv.Error:
                values = self._values(_PADDED.sub(r"\1", raw))
        except csv.Error as error:
            return Record(number, raw, [], str(error))
        if width is not None and len(values) != width:
            return Record(number, raw, values, f"has {len(values)} values where {width} are expected")
        return Record(number, raw, values)

    def _values(self, raw: str) -> list[str]:
        self._source.text = raw
        return next(self._csv)
