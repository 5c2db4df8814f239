"""Keys in row images of tables of any shape."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import SyncError
from sync.sources.mysql.binlog.rows import Change, compile_rows, present_columns
from sync.sources.mysql.binlog.table_map import Physical

Row = dict[int, bytes | None]  # stored values by column, with their lengths; None is NULL

COLUMN = st.builds(
    lambda length, prefix, nullable: Physical(0, 0, 0 if prefix else length, prefix, nullable),
    st.integers(1, 9), st.sampled_from([0, 0, 0, 1, 2, 3, 4]), st.booleans(),
)  # fmt: skip


def image(columns: Sequence[Physical], present: Sequence[int], row: Row) -> bytes:
    nulls = sum((row[index] is None) << place for place, index in enumerate(present))
    size = (len(present) + 7) // 8
    spare = (1 << 8 * size) - (1 << len(present))  # the servers set the bits that stand for nothing
    return (nulls | spare).to_bytes(size, "little") + b"".join(row[index] or b"" for index in present)


@st.composite
def rows(draw: st.DrawFn, columns: Sequence[Physical], key: Sequence[int]) -> Row:
    row: Row = {}
    for index, column in enumerate(columns):
        if index not in key and column.nullable and draw(st.booleans()):
            row[index] = None
        else:
            size = draw(st.integers(0, 300 if column.prefix > 1 else 20)) if column.prefix else column.length
            row[index] = (size.to_bytes(column.prefix, "little") if column.prefix else b"") + draw(
                st.binary(min_size=size, max_size=size)
            )
    return row


def read(
    columns: Sequence[Physical], key: Sequence[int], change: Change, shown: list[list[int]], data: bytes
) -> list[bytes]:
    found: list[bytes] = []
    code = compile_rows(columns, key, change, shown[0], shown[-1])
    code(b"before" + data + b"after", 6, 6 + len(data), found.append)
    return found


@settings(deadline=None)
@given(st.data())
def test_the_key_of_each_image_is_found_whatever_lies_around_it(data: st.DataObject) -> None:
    columns = data.draw(st.lists(COLUMN, min_size=1, max_size=20))
    key = data.draw(st.lists(st.integers(0, len(columns) - 1), min_size=1, max_size=3, unique=True))
    columns = [Physical(0, 0, c.length, c.prefix, c.nullable and n not in key) for n, c in enumerate(columns)]
    others = data.draw(st.lists(st.integers(0, len(columns) - 1), unique=True))
    before = sorted({*key, *others})
    after = sorted(set(data.draw(st.lists(st.integers(0, len(columns) - 1)))))
    pairs = data.draw(st.lists(st.tuples(rows(columns, key), rows(columns, key)), min_size=1, max_size=4))

    def joined(*images: Row) -> bytes:
        values = [next(row[index] for row in images if index in row) for index in key]
        return b"".join(value or b"" for value in values)

    written = b"".join(image(columns, before, old) for old, _ in pairs)
    keys = [joined(old) for old, _ in pairs]
    assert read(columns, key, Change.WRITE, [before], written) == keys
    assert read(columns, key, Change.DELETE, [before], written) == keys
    updated = b"".join(image(columns, before, old) + image(columns, after, new) for old, new in pairs)
    moved = [joined({index: new[index] for index in after}, old) for old, new in pairs]
    expected = [
        each for old, new in zip(keys, moved, strict=True) for each in ([old] if old == new else [old, new])
    ]
    assert read(columns, key, Change.UPDATE, [before, after], updated) == expected


def test_an_image_without_the_key_is_refused() -> None:
    columns = [Physical(3, 0, 4, 0, nullable=False)] * 2
    with pytest.raises(SyncError, match=r"SET GLOBAL binlog_row_image = FULL.*Reload the table"):
        compile_rows(columns, [1], Change.WRITE, [0], [0])


def test_rows_that_do_not_end_where_their_event_does_are_noticed() -> None:
    columns = [Physical(3, 0, 4, 0, nullable=False)]
    code = compile_rows(columns, [0], Change.WRITE, [0], [0])
    with pytest.raises(IndexError):
        code(b"\xfe" + bytes(9), 0, 9, lambda key: None)


def test_present_columns_are_the_bits_that_are_set() -> None:
    assert present_columns(b"\x05\x02", 10) == (0, 2, 9)
