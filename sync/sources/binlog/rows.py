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
from typing import TypeAlias

from sync.errors import SyncError
from sync.sources.binlog.table_map import JSON, Physical

# Takes a buffer, where the rows begin and end, and what to call with each key. Returns how many rows it read.
ReadRows = Callable[[bytes, int, int, Callable[[bytes], None]], int]

Columns: TypeAlias = Sequence[Physical]
Indexes: TypeAlias = Sequence[int]

INDENT = "    "


class Change(Enum):
    """What a row event tells of, hence the images that it holds."""

    WRITE = "write"  # the row after
    DELETE = "delete"  # the row before
    UPDATE = "update"  # both
    PARTIAL_UPDATE = "partial update"  # both; of JSON values perhaps only what changed in them


def present_columns(bitmap: bytes, count: int) -> tuple[int, ...]:
    """The indexes of the columns whose bit is set."""
    return tuple(index for index in range(count) if bitmap[index >> 3] >> (index & 7) & 1)


def compile_rows(
    columns: Columns,
    key: Indexes,
    change: Change,
    before: Indexes,
    after: Indexes,
) -> ReadRows:
    """Code for one table's events of one kind. `key`, `before` and `after` are indexes of columns; an image
    that the kind does not have is ignored.

    A key is the concatenation of its columns' stored bytes, lengths included. The code raises `SyncError`
    where rows do not end where the event does. `compile_rows` raises it for an image without the key.
    """
    lines = ["def read_rows(data, position, end, add):", "    count = 0", "    while position < end:"]
    if change in (Change.DELETE, Change.UPDATE, Change.PARTIAL_UPDATE):
        _require(key, before)
        lines += _indented(_image(columns, key, before, "b"), 2)
        lines.append(f"        before = {_joined('b', key)}")
        lines.append("        add(before)")
    if change is Change.WRITE:
        _require(key, after)
        lines += _indented(_image(columns, key, after, "a"), 2)
        lines.append(f"        add({_joined('a', key)})")
    if change is Change.PARTIAL_UPDATE:
        lines += _indented(_partial(columns), 2)
    if change in (Change.UPDATE, Change.PARTIAL_UPDATE):
        lines += _indented(_image(columns, key, after, "a"), 2)
        if set(key) & set(after):
            lines.append(f"        after = {_joined('a', key, set(after))}")
            lines += ["        if after != before:", "            add(after)"]
    lines += ["        count += 1", "    if position != end:", "        raise IndexError", "    return count"]
    scope: dict[str, ReadRows] = {}
    exec(compile("\n".join(lines), "<row images>", "exec"), scope)
    return scope["read_rows"]


def _require(key: Indexes, present: Indexes) -> None:
    if not set(key) <= set(present):
        raise SyncError("the row image lacks a column of the key; SET GLOBAL binlog_row_image = FULL")


def _image(columns: Columns, key: Indexes, present: Indexes, name: str) -> list[str]:
    """Code that moves `position` over one image and puts the key's columns into `<name><index>`."""
    size = (len(present) + 7) // 8
    nullable = any(columns[index].nullable for index in present)
    if not nullable:
        return _values(columns, key, present, name, size, nulls=False)
    bits = [f"data[position + {byte}] << {8 * byte}" for byte in range(size)] if size < 5 else []
    read = " | ".join(bits) or f"int.from_bytes(data[position : position + {size}], 'little')"
    return [
        f"nulls = {read}",
        "if nulls:",
        *_indented(_values(columns, key, present, name, size, nulls=True), 1),
        "else:",
        *_indented(_values(columns, key, present, name, size, nulls=False), 1),
    ]


def _values(
    columns: Columns,
    key: Indexes,
    present: Indexes,
    name: str,
    ahead: int,
    nulls: bool,
) -> list[str]:
    """`ahead` bytes lie between `position` and the next value, added up as long as they are known."""
    lines: list[str] = []
    for bit, index in enumerate(present):
        column = columns[index]
        if nulls and column.nullable:
            lines += [f"position += {ahead}"] if ahead else []
            skip, rest = _skip(column, 0)
            lines += [f"if not nulls & {1 << bit}:", f"{INDENT}{skip or f'position += {rest}'}"]
            ahead = 0
            continue
        if index in key:
            lines.append(f"{name}{index} = data[{_at(ahead)} : {_stop(column, ahead)}]")
        skip, ahead = _skip(column, ahead)
        lines += [skip] if skip else []
    return [*lines, f"position += {ahead}"] if ahead or not lines else lines


def _skip(column: Physical, ahead: int) -> tuple[str, int]:
    """The statement that is needed to pass a value, and how many known bytes are left to go."""
    if not column.prefix:
        return "", ahead + column.length
    return f"position += {ahead + column.prefix} + {_length(column, ahead)}", 0


def _length(column: Physical, ahead: int) -> str:
    parts = [f"data[{_at(ahead)}]"]
    parts += [f"(data[{_at(ahead + byte)}] << {8 * byte})" for byte in range(1, column.prefix)]
    return " + ".join(parts)


def _stop(column: Physical, ahead: int) -> str:
    if not column.prefix:
        return _at(ahead + column.length)
    return f"{_at(ahead + column.prefix)} + {_length(column, ahead)}"


def _at(ahead: int) -> str:
    return f"position + {ahead}" if ahead else "position"


def _joined(name: str, key: Indexes, present: set[int] | None = None) -> str:
    """The key; a column that the image after a change does not have is as it was before."""
    return " + ".join(f"{name if present is None or index in present else 'b'}{index}" for index in key)


def _partial(columns: Columns) -> list[str]:
    """What stands before the image after a partial update: options, and with their lowest bit a bit for each
    JSON column. A value that holds changes alone has a length of four bytes like a whole one."""
    size = (sum(column.type == JSON for column in columns) + 7) // 8
    return ["position += 1 + (data[position] & 1) * " + str(size)]


def _indented(lines: list[str], depth: int) -> list[str]:
    return [INDENT * depth + line for line in lines]
