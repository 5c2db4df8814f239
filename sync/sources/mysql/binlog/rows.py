"""Row events: the keys in their row images, by straight-line code that is generated for each table.

An image is a bitmap of NULLs over the columns that are present, then those columns' values
(https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Rows__event.html,
https://mariadb.com/kb/en/rows_event_v1v2-rows_compressed_event_v1/). All columns but the key's are skipped.
Which columns are present depends on binlog_row_image, and is told by each event; code is generated for each
combination that turns up. The generated source holds integers alone, nothing that came from the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeAlias

from sync.errors import RELOAD, SyncError
from sync.sources.mysql.binlog.table_map import JSON, Physical

# Takes a buffer, where the rows begin and end, and what to call with each key. Returns how many rows it read.
ReadRows = Callable[[bytes, int, int, Callable[[bytes], None]], int]

Columns: TypeAlias = Sequence[Physical]
Indexes: TypeAlias = Sequence[int]

GROUP_COLUMNS = 8  # whose lengths are looked up at once, in a table of 256


class Change(Enum):
    """What a row event tells of, hence the images that it holds."""

    WRITE = "write"  # the row after
    DELETE = "delete"  # the row before
    UPDATE = "update"  # both
    PARTIAL_UPDATE = "partial update"  # both; of JSON values perhaps only what changed in them


def present_columns(bitmap: bytes, count: int) -> tuple[int, ...]:
    """The indexes of the columns whose bit is set."""
    return tuple(index for index in range(count) if bitmap[index >> 3] >> (index & 7) & 1)


def compile_rows(columns: Columns, key: Indexes, change: Change, before: Indexes, after: Indexes) -> ReadRows:
    """Code for one table's events of one kind. `key`, `before` and `after` are indexes of columns; an image
    that the kind does not have is ignored.

    A key is the concatenation of its columns' stored bytes, lengths included. The code raises `IndexError`
    where rows do not end where the event does, `compile_rows` a `SyncError` for an image without the key.
    """
    code = _Code(columns, key)
    if change is Change.WRITE:
        code.image(after, "a")
        code.lines.append(f"add({code.key('a', after)})")
    else:
        code.image(before, "b")
        code.lines.append(f"add({code.key('b', before)})")
    if change is Change.PARTIAL_UPDATE:
        code.partial_update()
    if change in (Change.UPDATE, Change.PARTIAL_UPDATE):
        code.image(after, "a")
        if changed := [f"a{index} != b{index}" for index in key if index in after]:
            code.lines.append(f"if {' or '.join(changed)}: add({code.key('a', after, 'b')})")
    source = [
        "def read_rows(data, position, end, add):",
        "    count = 0",
        "    while position < end:",
        *(f"        {line}" for line in code.lines),
        "        count += 1",
        "    if position != end: raise IndexError",
        "    return count",
    ]
    scope: dict[str, Any] = dict(code.constants)
    exec(compile("\n".join(source), "<row images>", "exec"), scope)
    read_rows: ReadRows = scope["read_rows"]
    return read_rows


class _Code:
    """The lines for one row. `constants` are the tables that they look lengths up in."""

    def __init__(self, columns: Columns, key: Indexes) -> None:
        self._columns = columns
        self._key = key
        self._ahead = 0  # known bytes between `position` and the next value
        self.lines: list[str] = []
        self.constants: dict[str, tuple[int, ...]] = {}

    def key(self, name: str, present: Indexes, otherwise: str = "") -> str:
        """The key from the values of one image, and those that it lacks from another one.

        Raises `SyncError` when a column of the key is in neither.
        """
        if not (otherwise or set(self._key) <= set(present)):
            raise SyncError(
                f"the row image lacks a column of the key; SET GLOBAL binlog_row_image = FULL, and for every"
                f" session that sets it. {RELOAD}"
            )
        return " + ".join(f"{name if index in present else otherwise}{index}" for index in self._key)

    def image(self, present: Indexes, name: str) -> None:
        """Move `position` over one image and put the key's columns into `<name><index>`."""
        size = (len(present) + 7) // 8
        if any(self._columns[index].nullable for index in present):
            self.lines.append(f"nulls = {self._integer(size)}")
        self._ahead = size
        place = 0
        while place < len(present):
            column = self._columns[present[place]]
            group = self._group(present, place)
            if len(group) > 1 or (column.nullable and not column.prefix):
                self._skip_group(group, place)
            elif column.nullable:
                self._flush()
                self.lines.append(f"if not nulls & {1 << place}: position += {self._stored(column)}")
            else:
                if present[place] in self._key:
                    value = f"data[{self._at(0)} : {self._at(0)} + {self._stored(column)}]"
                    self.lines.append(f"{name}{present[place]} = {value}")
                self._skip(column)
            place += len(group)
        self._flush()

    def partial_update(self) -> None:
        """What stands before the image after: options, and with their lowest bit a bit for each JSON column.
        A value that holds changes alone has a length of four bytes like a whole one."""
        size = (sum(column.type == JSON for column in self._columns) + 7) // 8
        self.lines.append(f"position += 1 + (data[position] & 1) * {size}")

    def _group(self, present: Indexes, place: int) -> list[Physical]:
        """The column at a place, and those of fixed length after it that may be NULL like it."""
        group = [self._columns[present[place]]]
        for index in present[place + 1 : place + GROUP_COLUMNS]:
            if not all(column.nullable and not column.prefix for column in (group[0], self._columns[index])):
                break
            group.append(self._columns[index])
        return group

    def _skip_group(self, group: list[Physical], place: int) -> None:
        """One look-up by the bits of the group's NULLs."""
        sizes = tuple(
            self._ahead + sum(column.length for bit, column in enumerate(group) if not nulls >> bit & 1)
            for nulls in range(1 << len(group))
        )
        name = f"sizes{len(self.constants)}"
        self.constants[name] = sizes
        self.lines.append(f"position += {name}[nulls >> {place} & {(1 << len(group)) - 1}]")
        self._ahead = 0

    def _skip(self, column: Physical) -> None:
        if column.prefix:
            self.lines.append(f"position += {self._ahead} + {self._stored(column)}")
            self._ahead = 0
        else:
            self._ahead += column.length

    def _stored(self, column: Physical) -> str:
        """How many bytes a value takes with its length."""
        return f"{column.prefix} + {self._integer(column.prefix)}" if column.prefix else str(column.length)

    def _integer(self, size: int) -> str:
        if size > 4:
            return f"int.from_bytes(data[{self._at(0)} : {self._at(size)}], 'little')"
        bytes_ = [
            f"data[{self._at(0)}]",
            *(f"(data[{self._at(byte)}] << {8 * byte})" for byte in range(1, size)),
        ]
        return " + ".join(bytes_)

    def _at(self, offset: int) -> str:
        return f"position + {self._ahead + offset}" if self._ahead + offset else "position"

    def _flush(self) -> None:
        if self._ahead:
            self.lines.append(f"position += {self._ahead}")
        self._ahead = 0
