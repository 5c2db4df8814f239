"""A MySQL table in portions, one after the other in the order of its primary key.

InnoDB keeps a table's rows in that order
(https://dev.mysql.com/doc/refman/8.4/en/innodb-index-types.html), so a portion is read as fast as the table
is. Where the next one ends is asked while one is read, as the server's own literals: so it is the server
that compares, by whatever order its types and collations have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pymysql

from sync.errors import SyncError
from sync.sources.mysql.catalog import SourceColumn, SourceTable, quote
from sync.sources.mysql.types import UNICODE, key_literal, kind_of

PORTION_ROWS = 50_000  # what is lost at most where a reading is cut off
ORDERED = {"integer", "decimal", "year", "bit", "binary", "uuid", "date", "datetime", "timestamp", "time"}
INDEX = "FORCE INDEX (PRIMARY)"


@dataclass(frozen=True)
class Order:
    """The primary key's columns of `source`. A mark is a place in this order, as JSON."""

    source: SourceTable
    columns: tuple[SourceColumn, ...]

    @classmethod
    def of(cls, connection: pymysql.Connection[Any], source: SourceTable) -> Order | None:
        """None for a table without a primary key, or with one whose literals compare otherwise than it does,
        as those of an ENUM, or that is of prefixes."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT column_name, sub_part FROM information_schema.statistics WHERE table_schema = %s"
                " AND table_name = %s AND index_name = 'PRIMARY' ORDER BY seq_in_index",
                (source.database, source.name),
            )
            parts = cursor.fetchall()
        if any(name not in source.columns for name, _ in parts):  # this user may not see it
            return None
        columns = tuple(source.columns[name] for name, _ in parts)
        if any(prefix is not None for _, prefix in parts) or not all(map(_ordered, columns)):
            return None
        return cls(source, columns) if columns else None

    def marks(self, connection: pymysql.Connection[Any], after: str | None) -> Iterator[str]:
        """Where portions end, behind `after`. The table may change meanwhile: a mark parts any rows."""
        while (mark := self._mark(connection, after)) is not None:
            yield mark
            after = mark

    def _mark(self, connection: pymysql.Connection[Any], after: str | None) -> str | None:
        beyond = f"WHERE {self.beyond(after)}" if after else ""
        literals = ", ".join(key_literal(column) for column in self.columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {literals} FROM {self.source.quoted} {INDEX} {beyond}"
                f" ORDER BY {', '.join(self._names)} LIMIT 1 OFFSET {PORTION_ROWS - 1}"
            )
            row = cursor.fetchone()
        return json.dumps(dict(zip(self._names, map(_text, row), strict=True))) if row else None

    def between(self, after: str | None, end: str | None) -> str:
        """The condition of the rows of a portion."""
        conditions = [self.beyond(after)] if after else []
        return " AND ".join([*conditions, self.up_to(end)] if end else conditions)

    def beyond(self, mark: str) -> str:
        """The condition of the rows behind a mark."""
        return self._compared(mark, ">", ">")

    def up_to(self, mark: str) -> str:
        """The condition of the rows at a mark and before it."""
        return self._compared(mark, "<", "<=")

    @property
    def _names(self) -> list[str]:
        return [quote(column.name) for column in self.columns]

    def _compared(self, mark: str, differing: str, last: str) -> str:
        """Written out, since the servers take no range of an index from a comparison of two rows."""
        literals = json.loads(mark)
        if list(literals) != self._names:
            raise SyncError(f"{self.source.quoted}: its primary key is another one than at {mark}")
        same, either = "", []
        for number, (name, literal) in enumerate(literals.items(), 1):
            operator = last if number == len(literals) else differing
            either.append(f"({same}{name} {operator} {literal})")
            same += f"{name} = {literal} AND "
        return f"({' OR '.join(either)})"


def _ordered(column: SourceColumn) -> bool:
    characters = column.data_type in {"char", "varchar"} and column.charset in UNICODE
    return characters or kind_of(column) in ORDERED


def _text(value: Any) -> str:
    return str(value)
