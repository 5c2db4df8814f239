"""What is in the objects of a place: which of them are read, and how."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from sync.spec import SpecError


class Format(StrEnum):
    """How the rows of an object are written."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Layout:
    """The objects whose names below their place match `pattern` (`*` stands for anything, a slash too).

    A CSV file has a header, whose names are compared without case, unless `header` names its columns. Its
    values are parted by `delimiter`; an empty one is NULL. `encoding` is a codec of Python's, and a
    byte-order mark is skipped. Columns of the table in `optional` may be missing, and are NULL then. `times`
    has the form of a column's dates, in the letters of `strptime`, where it is not ISO's.
    """

    pattern: str = "*"
    format: Format = Format.CSV
    encoding: str = "utf-8"
    delimiter: str = ","
    header: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    times: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise SpecError(f"{self.pattern}: encoding {self.encoding!r} is none that Python knows") from None
        if len(self.delimiter) != 1:
            raise SpecError(f"{self.pattern}: a delimiter is one character, not {self.delimiter!r}")

    def reads(self, name: str) -> bool:
        """Whether this is how the object of that name is read."""
        return fnmatchcase(name, self.pattern)
