"""Logical types to a system's own, and values between PostgreSQL's text form and a driver's objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sync.errors import SyncError
from sync.types import PgType, parse_type
from sync.warehouses.schema import ColumnSchema, Row, TableName

Bind = Callable[[str], Any]
Show = Callable[[Any], str]


class Unfit(ValueError):
    """A value that the system cannot hold; the message says why."""


def from_boolean(text: str) -> bool:
    return text == "true"


def from_numeric(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise Unfit(f"{text} is no number")
    return value


def from_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unfit(f"the date {text} is not between the years 1 and 9999") from None


def from_timestamp(text: str) -> datetime:
    """A time without a zone."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"the time {text} is not between the years 1 and 9999") from None


def from_timestamptz(text: str) -> datetime:
    """A moment, in UTC and without a zone, which most systems' timestamps lack."""
    return from_timestamp(text).astimezone(UTC).replace(tzinfo=None)


def from_bytea(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("\\x"))


def checked(bind: Bind) -> Bind:
    """Of a value that travels as its text and is cast by the server: the text, once `bind` has taken it."""

    def same(text: str) -> str:
        bind(text)
        return text

    return same


def show_boolean(value: Any) -> str:
    return "true" if value else "false"


def show_float(value: Any) -> str:
    """The shortest digits that make the value again."""
    shown = repr(float(value)).removesuffix(".0")
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(shown, shown)


def show_timestamp(value: datetime) -> str:
    """Without the zeros at the end of its fraction."""
    return str(value).rstrip("0") if value.microsecond else str(value)


def show_timestamptz(value: datetime) -> str:
    naive = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return f"{show_timestamp(naive)}+00"


def show_bytea(value: Any) -> str:
    return "\\x" + bytes(value).hex()


def show_numeric(value: Any) -> str:
    """Without an exponent, with the digits that it has."""
    return f"{Decimal(value):f}"


def show_free_numeric(value: Any) -> str:
    """Of a column without a scale, which the system gave one."""
    shown = show_numeric(value)
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


# PostgreSQL's text form to what a driver takes, and back. What is not named travels as text.
BINDS: Mapping[str, Bind] = {
    "smallint": int,
    "integer": int,
    "bigint": int,
    "numeric": from_numeric,
    "real": float,
    "double precision": float,
    "boolean": from_boolean,
    "date": from_date,
    "timestamp": from_timestamp,
    "timestamptz": from_timestamptz,
    "bytea": from_bytea,
}
SHOWN: Mapping[str, Show] = {
    "smallint": lambda value: str(int(value)),
    "integer": lambda value: str(int(value)),
    "bigint": lambda value: str(int(value)),
    "numeric": show_numeric,
    "real": show_float,
    "double precision": show_float,
    "timestamp": show_timestamp,
    "boolean": show_boolean,
    "timestamptz": show_timestamptz,
    "bytea": show_bytea,
}


@dataclass(frozen=True)
class TypeMapper:
    """A system's types. `native` has, by the base of a logical type, the type there; what it lacks is refused
    by name. `binds` and `shown` say which values travel in another form than `BINDS` and `SHOWN`."""

    system: str
    native: Mapping[str, Callable[[PgType], str]]
    binds: Mapping[str, Bind] = field(default_factory=dict)
    shown: Mapping[str, Show] = field(default_factory=dict)

    @property
    def short_text(self) -> str:
        """A type for a mark of one letter."""
        return self.native["character varying"](PgType("character varying", 1))

    def native_type(self, table: TableName, column: ColumnSchema) -> str:
        """The type of a column. Raises `SyncError`, naming it, where the system has none."""
        try:
            type_ = parse_type(column.type)
        except SyncError as error:
            raise SyncError(f"{table}: the column {column.name}: {error}") from None
        if type_.base not in self.native:
            raise SyncError(
                f"{table}: {self.system} has no type for the column {column.name}, which is {column.type};"
                f" cast it in its model to one of {', '.join(sorted(self.native))}"
            )
        try:
            return self.native[type_.base](type_)
        except Unfit as error:
            raise SyncError(f"{table}: the column {column.name} is {column.type}: {error}") from None

    def binder(self, columns: Sequence[ColumnSchema], key: Sequence[str] = ()) -> Callable[[Row], list[Any]]:
        """What makes of a row's texts the values that the driver takes; `key` are the columns of the key. It
        raises `Unfit`, naming the column, for one that the system cannot hold."""
        binds = [
            (self.bind_of_key if column.name in key else self.bind_of)(parse_type(column.type))
            for column in columns
        ]

        def bind(row: Row) -> list[Any]:
            values: list[Any] = []
            for number, text in enumerate(row):
                try:
                    values.append(None if text is None else binds[number](text))
                except Unfit as error:
                    raise Unfit(f"column {columns[number].name}: {error}") from None
            return values

        return bind

    def bind_of(self, type_: PgType) -> Bind:
        """What makes of a text the value of a type that the driver takes."""
        return self.binds.get(type_.base) or BINDS.get(type_.base, str)

    def bind_of_key(self, type_: PgType) -> Bind:
        """The same of a column of the key, where a system takes some values for one."""
        return self.bind_of(type_)

    def show_of(self, type_: PgType) -> Show:
        """What makes of a value of a type that the driver gives its text."""
        if type_.base == "numeric" and type_.length is None:
            return show_free_numeric
        return self.shown.get(type_.base) or SHOWN.get(type_.base, str)

    def shower(self, columns: Sequence[ColumnSchema]) -> Callable[[Sequence[Any]], Row]:
        """What makes of the values that the driver gives a row's texts, as PostgreSQL writes them."""
        shown = [self.show_of(parse_type(column.type)) for column in columns]

        def show(row: Sequence[Any]) -> Row:
            return tuple(
                None if value is None else form(value) for value, form in zip(row, shown, strict=True)
            )

        return show
