"""Which rows of a table are compared."""

from __future__ import annotations

from dataclasses import dataclass

from sync.warehouses.schema import Row, TableSchema


@dataclass(frozen=True)
class KeyRange:
    """The rows whose keys lie above `after` and up to `upto`; None is no bound."""

    after: Row | None = None
    upto: Row | None = None


@dataclass(frozen=True)
class Scope:
    """The rows of one table that are compared: those up to batch `upto` (None: all live ones) and in the
    range `keys`, without those whose keys are in `left_out`, which the warehouse refused.
    `empty_text_is_null` says what the warehouse makes of an empty text."""

    schema: TableSchema
    upto: int | None = None
    left_out: tuple[Row, ...] = ()
    empty_text_is_null: bool = False
    keys: KeyRange = KeyRange()
