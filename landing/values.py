"""The types that a landing file's values can have: how each reads its text, and its column in a database.

A value is taken exactly or refused with a reason (`ValueError`), never rounded, cut or completed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeVar

Value = int | Decimal | str | date | None
Day = TypeVar("Day", bound=date)

LONGEST_QUOTE = 80
# So few digits fit every number type, so that they need no further look: files are long.
SHORT = 10
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.0+)?")
# MySQL's first year: https://dev.mysql.com/doc/refman/8.4/en/datetime.html
FIRST_YEAR = 1000


def shown(text: str) -> str:
    """A value as it stands in a reason."""
    return repr(text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…")


class FieldType(Protocol):
    """What a field holds; `mysql` and `postgres` are its column types there."""

    @property
    def mysql(self) -> str: ...

    @property
    def postgres(self) -> str: ...

    def parse(self, text: str) -> Value:
        """The value of a text without blanks around it; raises `ValueError` with the reason."""


@dataclass(frozen=True)
class Integer:
    """A whole number that fits in 32 or 64 bits with its sign."""

    bits: int = 64

    @property
    def mysql(self) -> str:
        return "bigint" if self.bits == 64 else "int"

    @property
    def postgres(self) -> str:
        return "bigint" if self.bits == 64 else "integer"

    def parse(self, text: str) -> int:
        if len(text) < SHORT and text.isascii() and text.isdigit():
            return int(text)
        # int() alone would take 1_000 and digits of other scripts.
        if not _WHOLE.fullmatch(text):
            raise ValueError(f"{shown(text)} is not a whole number")
        bound = 1 << (self.bits - 1)
        # Longer than any number in range, and int() refuses thousands of digits.
        if len(text) > 64 or not -bound <= (value := int(text)) < bound:
            raise ValueError(f"{shown(text)} is out of range: it needs more than {self.bits} bits")
        return value


@dataclass(frozen=True)
class Money:
    """An exact decimal of at most `precision` digits, `scale` of them behind the point."""

    precision: int = 12
    scale: int = 2

    @property
    def mysql(self) -> str:
        return f"decimal({self.precision},{self.scale})"

    @property
    def postgres(self) -> str:
        return f"numeric({self.precision},{self.scale})"

    def parse(self, text: str) -> Decimal:
        if len(text) < SHORT and text.isascii() and text.isdigit():
            return Decimal(f"{text}.{'0' * self.scale}")
        if not _DECIMAL.fullmatch(text):
            raise ValueError(f"{shown(text)} is not a decimal number")
        whole, _, fraction = text.lstrip("+-").partition(".")
        if len(fraction.rstrip("0")) > self.scale:
            raise ValueError(f"{shown(text)} has more than {self.scale} decimals")
        if len(whole.lstrip("0")) > self.precision - self.scale:
            raise ValueError(f"{shown(text)} is out of range: {self.precision - self.scale} digits fit")
        # Built from its digits, so that no arithmetic context rounds it.
        sign = "-" if text.startswith("-") else ""
        value = Decimal(f"{sign}{whole.lstrip('0') or '0'}.{fraction[: self.scale].ljust(self.scale, '0')}")
        return value if value else abs(value)


@dataclass(frozen=True)
class Text:
    """Text of at most `limit` characters. `NA` and `NULL` are text like any other."""

    limit: int = 255

    @property
    def mysql(self) -> str:
        return f"varchar({self.limit})"

    @property
    def postgres(self) -> str:
        return "text"

    def parse(self, text: str) -> str:
        if len(text) > self.limit:
            raise ValueError(f"{shown(text)} is longer than {self.limit} characters")
        return text


@dataclass(frozen=True)
class Date:
    """A calendar date, `2020-09-05`."""

    mysql: str = "date"
    postgres: str = "date"

    def parse(self, text: str) -> date:
        try:
            value = date.fromisoformat(text) if _DATE.fullmatch(text) else None
        except ValueError as error:
            raise ValueError(f"{shown(text)} is not a date: {error}") from None
        if value is None:
            raise ValueError(f"{shown(text)} is not a date like 2020-09-05")
        return _since_first_year(value, text)


@dataclass(frozen=True)
class Timestamp:
    """A local date and time to the second, `2020-09-05 16:20:03`; which zone it is in, the file does not say.

    A date alone is refused, since midnight would be invented; so is a fraction of a second.
    """

    mysql: str = "datetime"
    postgres: str = "timestamp"

    def parse(self, text: str) -> datetime:
        match = _TIMESTAMP.fullmatch(text)
        if match is None:
            raise ValueError(f"{shown(text)} is not a date and time like 2020-09-05 16:20:03")
        try:
            value = datetime.fromisoformat(f"{match[1]}T{match[2]}")
        except ValueError as error:
            raise ValueError(f"{shown(text)} is not a date and time: {error}") from None
        return _since_first_year(value, text)


def _since_first_year(value: Day, text: str) -> Day:
    if value.year < FIRST_YEAR:
        raise ValueError(f"{shown(text)} is out of range: it lies before the year {FIRST_YEAR}")
    return value
