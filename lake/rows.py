"""Rows of staging as a stream of Arrow, whose memory does not grow with the table."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lake.columns import LakeColumn, lake_schema, wire_schema
from sync.connections.psycopg import Connection, sql
from sync.copytext import Chunk
from sync.sources.postgresql.copy import CopyOut

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 8 << 20


class _Bytes(io.RawIOBase):
    """Chunks as a file that can be read once."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        if not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk.lines)
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def read(
    connection: Connection, columns: Sequence[LakeColumn], rows: sql.Composable
) -> Iterator[pa.RecordBatch]:
    """The columns of what `rows` (a query's part from FROM on) selects, in the connection's transaction.

    The connection is busy until the end. Raises psycopg2's errors, wherever in the rows they come up.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.csv as pacsv  # noqa: PLC0415

    listed = sql.SQL(", ").join(column.query for column in columns)
    query = sql.SQL("COPY (SELECT {} {}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')").format(listed, rows)
    schema, wire = lake_schema(columns), wire_schema(columns)
    copy = CopyOut(connection, query)
    chunks = copy.chunks()
    try:
        first = next(chunks, None)
        if first is None:
            return
        stream = pacsv.open_csv(
            io.BufferedReader(_Bytes(_chained(first, chunks)), BLOCK_BYTES),
            pacsv.ReadOptions(column_names=wire.names, block_size=BLOCK_BYTES),
            pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            pacsv.ConvertOptions(
                column_types=wire, strings_can_be_null=True, quoted_strings_can_be_null=False,
                null_values=[""], true_values=["true"], false_values=["false"],
            ),
        )  # fmt: skip
        for batch in stream:
            yield pa.RecordBatch.from_arrays(
                [array.cast(field.type) for array, field in zip(batch.columns, schema, strict=True)],
                schema=schema,
            )
    finally:
        copy.stop()


def _chained(first: Chunk, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    yield first
    yield from rest
